import type { own as english } from './enOwn.js';

const number = (n: number) => n.toLocaleString('zh-CN');

/** “自己的图像”的文字。 */
export const own: typeof english = {
  list: (names) => names.join('、'),

  classes: {
    title: '给它看样例',
    about: '至少两个类别，每个类别五张图像：例如两个杯子，或拇指向上和向下。图像越多、越多样越好。',
    className: (n) => `类别 ${n}`,
    nameLabel: (n) => `第 ${n} 个类别的名称`,
    count: (n) => `${number(n)} 张图像`,
    needs: (n) => `还差 ${n} 张`,
    drop: '把图像拖到这里',
    choose: '选择图像',
    camera: '使用摄像头',
    folder: '选择文件夹',
    folderHint: '选择或拖入文件夹时，其中的每个子文件夹成为一个类别。',
    add: '加一个类别',
    remove: (name) => `删除“${name}”`,
    removeImage: (image) => `删除 ${image}`,
    imageOf: (name, n) => `“${name}”的第 ${n} 张图像`,
    reading: (done, total) => `正在读取第 ${done} 张图像，共 ${total} 张……`,
    removedImage: (image) => `已删除 ${image}。`,
    removedClass: (name, images) => `已删除“${name}”和它的 ${number(images)} 张图像。`,
    undo: '恢复',
    taken: '摄像头',
    unusable: (names, kept) =>
      `${names} 不能用。${kept === 0 ? '没有添加图像。' : `已添加 ${number(kept)} 张图像。`}`,
    heic: (names) => `${names}：多数浏览器读不了 HEIC。请先转换成 JPEG 或 PNG。`,
    noImages: '里面没有图像。',
    cannotKeep: '这个浏览器不为本页保存图像：刷新后它们就没有了。',
    kept: '它们保存在这个浏览器里，刷新后也还在，直到你删除它们。',
  },

  camera: {
    asking: '正在等待摄像头：浏览器会询问是否允许本页使用它。',
    hold: '按住拍摄',
    holdHint: '也可以按住空格键。拍摄时转动、移动要展示的东西。',
    off: '关闭摄像头',
    other: '换一个摄像头',
    view: '摄像头的画面',
    again: '再试一次',
    faults: {
      refused: '浏览器不允许本页使用摄像头。请（在地址栏的摄像头图标处）允许，然后再试。',
      none: '没有找到摄像头。请连接一个，或选择文件。',
      busy: '摄像头没能启动：可能有别的程序正在使用它。请关闭那个程序，然后再试。',
      insecure: '浏览器只允许 https 或 localhost 的页面打开摄像头。在这里请选择文件。',
      ended: '摄像头断开了，或被收回了。',
      other: '摄像头没能启动。',
    },
  },

  teach: {
    title: '训练',
    base: '从哪个网络开始',
    bases: {
      sample: '本页的小网络',
      sampleAbout: '它学的是 28×28 的灰度服装图像：适合简单背景上的形状。',
      openedAbout: (input) => `来自你打开的文件；它的输入是 ${input}。`,
      large: (weights, all) =>
        `它的权重占 ${weights}，计算特征时共需约 ${all} 内存：大多数手机不会给一个网页这么多。只含卷积层的文件学得一样好，内存只需一半。`,
    },
    better: '对于照片，用 ImageNet 训练过的 VGG-16 要好得多，只要它的卷积层（59 MB）就够了：',
    open: '打开它的文件',
    preprocessing: '图像的预处理方式',
    start: '训练',
    again: '重新训练',
    cancel: '取消',
    few: '请再加一个类别。',
    needs: (names) => `图像还不够：${names}。`,
    lacks: (name, n) => `“${name}”还差 ${n} 张`,
    twice: (name) => `有两个类别都叫“${name}”：请给其中一个换个名称。`,
    busy: '后台线程正忙于另一个网络。等它结束或停止后就可以开始。',
    ready: (images, classes) => `准备好了：${number(classes)} 个类别，${number(images)} 张图像。`,
    stages: {
      starting: '正在加载网络……',
      features: (done, total) => `正在计算特征：第 ${done} 张图像，共 ${total} 张`,
      training: (done, total) => `正在训练新的一层：第 ${done} 步，共 ${total} 步`,
    },
    done: (images, seconds) => `用 ${number(images)} 张图像训练了 ${seconds} 秒。`,
    held: (right, of, percent) =>
      `它没见过的 ${number(of)} 张图像中，有 ${number(right)} 张分类正确（${percent}）。`,
    heldFew: '图像太少，这个数字还靠不住：请多加一些，或拿新的试一试。',
    heldAlike: '连续拍摄的图像彼此相似，所以这个数字偏高：请拿新的试一试。',
    stale: '图像在训练之后有变动：请重新训练。',
    explained: '网络本身不变。每张图像的特征只计算一次并保留下来，只有新的最后一层在这些特征上训练。',
    explainedMore: '原理，以及怎样做得更好',
  },

  tryIt: {
    title: '试一试',
    waiting: '训练好之后，给它看新的东西：用摄像头，或一张图像。',
    empty: '给它看点新的东西。',
    choose: '选择图像',
    image: '图像',
    heat: '显示它看的是哪里（Grad-CAM）',
    answers: '它的回答',
    always: '不管看到什么，它总会从你的类别里选一个。',
    reopen: (file) => `这是在 ${file} 上训练的。请再次打开那个文件，它就能回答。`,
    toWeights: '去权重文件',
  },
};
