import type { own as english } from './enOwn.js';

const number = (n: number) => n.toLocaleString('zh-CN');

/** “你的图像”的文字。 */
export const own: typeof english = {
  list: (names) => names.join('、'),

  classes: {
    title: '给它看样例',
    about: '至少两个类别，每个类别五张图像：例如两个杯子，或拇指朝上和朝下。图像越多、越多样越好。',
    className: (n) => `类别 ${n}`,
    nameLabel: (n) => `第 ${n} 个类别的名称`,
    count: (n) => `${number(n)} 张图像`,
    needs: (n) => `还差 ${n} 张`,
    drop: '把图像拖到这里',
    choose: '选择图像',
    camera: '使用摄像头',
    folder: '选择文件夹',
    folderHint: '选择或拖入的文件夹中，每个子文件夹成为一个类别。',
    add: '添加类别',
    remove: (name) => `删除“${name}”`,
    imageOf: (name, n) => `“${name}”的第 ${n} 张图像`,
    reading: (done, total) => `正在读取图像：第 ${done} 张，共 ${total} 张……`,
    removedImage: (image) => `已删除 ${image}。`,
    removedClass: (name, images) => `已删除“${name}”和它的 ${number(images)} 张图像。`,
    undo: '恢复',
    taken: '摄像头',
    unusable: (names, kept) =>
      `${names} 无法使用。${kept === 0 ? '没有添加图像。' : `已添加 ${number(kept)} 张图像。`}`,
    heic: (names) => `${names}：大多数浏览器无法读取 HEIC。请先转换成 JPEG 或 PNG。`,
    noImages: '其中没有图像。',
    cannotKeep: '这个浏览器无法为本页保存图像（不允许或空间不足）：刷新后图像就会丢失。',
    kept: '图像保存在这个浏览器中，刷新后仍在，直到你删除。',
  },

  camera: {
    asking: '正在等待摄像头：浏览器会询问是否允许本页使用它。',
    hold: '按住拍摄',
    holdHint: '也可以按住空格键。拍摄时请转动并移动物体。',
    off: '关闭摄像头',
    other: '换一个摄像头',
    view: '摄像头的画面',
    again: '重试',
    faults: {
      refused: '浏览器不允许本页使用摄像头。请在地址栏的摄像头图标处允许，然后重试。',
      none: '没有找到摄像头。请连接摄像头，或选择文件。',
      busy: '摄像头无法启动：可能正被其他程序使用。请关闭那个程序，然后重试。',
      insecure: '浏览器只允许 https 或 localhost 的页面打开摄像头。请在这里选择文件。',
      ended: '摄像头已断开，或权限已收回。',
      other: '摄像头无法启动。',
    },
  },

  teach: {
    title: '训练',
    base: '从哪个网络开始',
    bases: {
      sample: '本页的小网络',
      sampleAbout: '它学的是 28×28 的灰度服装图像：适合识别纯色背景上的形状。',
      openedAbout: (input) => `来自你打开的文件；它的输入是 ${input}。`,
      large: (weights, all) =>
        `它的权重占 ${weights}，计算特征共需约 ${all} 内存：大多数手机不会给网页这么多内存。只含卷积层的文件效果一样好，内存只需一半。`,
    },
    better: '对于照片，在 ImageNet 上预训练的 VGG-16 要好得多，只需它的卷积层（59 MB）：',
    open: '打开它的文件',
    preprocessing: '图像的预处理方式',
    start: '训练',
    again: '重新训练',
    cancel: '取消',
    few: '请再添加一个类别。',
    needs: (names) => `图像还太少：${names}。`,
    lacks: (name, n) => `“${name}”还差 ${n} 张`,
    twice: (name) => `有两个类别都叫“${name}”：请给其中一个改名。`,
    busy: '后台线程正忙于另一个网络。等它结束或停止后即可开始。',
    ready: (images, classes) => `准备就绪：${number(classes)} 个类别，${number(images)} 张图像。`,
    stages: {
      starting: '正在加载网络……',
      features: (done, total) => `正在计算特征：第 ${done} 张图像，共 ${total} 张`,
      training: (done, total) => `正在训练新的输出层：第 ${done} 步，共 ${total} 步`,
    },
    done: (images, seconds) => `用 ${number(images)} 张图像训练了 ${seconds} 秒。`,
    held: (right, of, percent) =>
      `它没见过的 ${number(of)} 张图像中，有 ${number(right)} 张分类正确（${percent}）。`,
    heldFew: '图像太少，这个数字还不可靠：请多加一些，或用新的图像试一试。',
    heldAlike: '连续拍摄的图像彼此相似，因此这个数字偏高：请用新的图像试一试。',
    stale: '训练之后图像有变动：请重新训练。',
    explained: '网络本身不变。每张图像的特征只计算一次并保留下来，只用这些特征训练新的输出层。',
    explainedMore: '了解原理，以及如何进一步改进',
  },

  tryIt: {
    title: '试一试',
    waiting: '训练好之后，用摄像头或一张图像，给它看点新的东西。',
    empty: '给它看点新的东西。',
    choose: '选择图像',
    image: '图像',
    heat: '显示它关注哪里（Grad-CAM）',
    answers: '它的回答',
    always: '无论看到什么，它总会从你的类别中选一个。',
    reopen: (file) => `这是用 ${file} 训练的。请重新打开那个文件，它就能回答。`,
    toWeights: '前往权重文件',
  },
};
