import type { later as english } from './enLater.js';
import { own } from './zhOwn.js';

/** 结构图里的英文。 */
const DRAWN: Record<string, string> = {
  input: '输入',
  block: '块',
  layers: '层',
  conv: '卷积层',
  'max pool': '最大汇聚层',
  'average pool': '平均汇聚层',
  'average to': '平均到',
  'global pool': '全局汇聚层',
  'batch norm': '批量规范化',
  'zero padding': '零填充',
  flatten: '展平',
  dropout: '暂退',
  FC: '全连接层',
};

function inChinese(svg: string): string {
  const words = new RegExp(`\\b(${Object.keys(DRAWN).join('|')})\\b`, 'g');
  return svg.replace(/>[^<]+</g, (text) => text.replace(words, (word) => DRAWN[word]!));
}

/** 首次显示之后才加载的各视图的中文文字。 */
export const later: typeof english = {
  design: {
    title: '网络',
    starts: '起点',
    start: { small: '小网络，一分钟即可训练', chapter: '书中的 VGG-11', imagenet: 'ImageNet 的 VGG-16' },
    member: '架构',
    own: '自定义块',
    blocks: '块',
    convs: '3×3',
    convsLabel: (n) => `第 ${n} 块的 3×3 卷积层数`,
    ones: '1×1',
    onesLabel: (n) => `第 ${n} 块的 1×1 卷积层数`,
    channels: '通道数',
    channelsLabel: (n) => `第 ${n} 块的通道数`,
    remove: (n) => `删除第 ${n} 块`,
    add: '添加块',
    ratio: '通道数除以',
    size: '图像边长',
    imageChannels: '图像通道数',
    gray: '1，灰度',
    color: '3，彩色',
    classes: '类别数',
    hidden: '隐藏单元数',
    batchNorm: '批量规范化',
    seed: '随机种子',
  },

  more: {
    explain: {
      title: '解释方法',
      about: '左边的服装，网络是从哪里看出来的？右边的呢？用数字比较十种方法。',
    },
    transfer: {
      title: '微调',
      about: '每个类别只需几张图像，预训练网络就能学会。',
    },
    app: {
      title: '放进应用',
      about: '把训练好的网络用在网页或服务器上：哪种文件在哪里运行，速度如何。',
    },
  },

  style: {
    title: '风格迁移',
    about: '像素逐步改变，直到网络在原来的位置看到内容图像的特征，而特征的组合与风格图像相同。',
    how: '原理',
    content: '内容图像',
    style: '风格图像',
    ours: { house: '房子', glass: '彩色玻璃', strokes: '笔触' },
    choose: '你的图像',
    network: '网络',
    small: '随机权重的小型 VGG-16',
    random: '这里用的是随机权重的小型 VGG-16：对颜色和笔触已经足够。',
    unfit: (file) => `${file} 无法使用：需要输入彩色图像、有五个块的网络。`,
    open: '想要论文中的效果，请打开 VGG-16',
    start: '开始迁移',
    again: '重新迁移',
    stop: '停止',
    starting: '正在加载网络……',
    stopping: '这一步之后停止……',
    step: (done, total, seconds) => `第 ${done} 步，共 ${total} 步，还剩 ${Math.ceil(seconds)} 秒`,
    done: (done, total) =>
      done < total ? `已在第 ${done} 步停止，共 ${total} 步。` : `已完成，共 ${total} 步。`,
    steps: '合成图像的各步',
    later: '请等合成完成，或先停止，再换图像。',
    painting: '合成图像',
  },

  difference: {
    title: '看起来相差多少？',
    about:
      '变暗、加噪声和模糊的三个副本与原图的像素差别一样大，看起来却不一样。特征之间的距离更接近人的判断。',
    how: '关于 LPIPS',
    start: '比较',
    pixels: '像素的差别',
    features: '特征的差别',
    names: {
      darker: '变暗',
      noisy: '加噪声',
      blurred: '模糊',
      painting: '合成图像',
      other: '风格图像',
    },
    lpips: 'LPIPS 0.1，由你打开的 VGG-16 和原作者的校准权重算出。0 表示相同。',
    notLpips:
      '这不是 LPIPS：用的是随机权重的小网络，各通道的权重相同。要计算 LPIPS，请打开带有 torchvision 权重的 VGG-16。',
    image: '原图',
    where: '差别在哪里',
  },

  facts: {
    title: '网络概况',
    parameters: '参数',
    macs: '每张图像的乘加次数',
    weights: '权重',
    training: (batchSize) => `训练所需内存，批量大小 ${batchSize}`,
    field: '感受野',
    pixels: (n) => `${n} 像素`,
    stride: (n) => `步幅 ${n}`,
    inTfjs: '在 tfjs 中',
  },

  misfit: {
    title: '内存放不下',
    maybe: '内存可能放不下',
    wasm: (needs, has) =>
      `训练大约需要 ${needs}，而 WebAssembly 的内存上限是 ${has}。请减小批量大小、图像或通道数。`,
    buffer: (needs, has, layer) =>
      `${layer} 需要一个 ${needs} 的张量，而这块 GPU 的单个张量上限是 ${has}。请改用 WebAssembly，或减小网络。`,
    memory: (needs, has) => `训练大约需要 ${needs}，而这台设备报告的内存为 ${has}，其他程序也要占用。`,
  },

  diagram: {
    title: '结构图',
    translated: inChinese,
    about: 'VGG 重复同一种块：若干 3×3 卷积层，再用一个汇聚层把特征图的高和宽减半。',
    alexnet: '与 AlexNet 并排显示',
    alexnetSmall: (minimum) => `AlexNet 需要至少 ${minimum}×${minimum} 的图像；这里按 224×224 画。`,
  },

  table: {
    title: '各层的形状',
    about: '每经过一个块，特征图都更小、更多；全连接层同时看到全部特征图。',
    layer: '层',
    output: '输出',
    parameters: '参数',
    macs: '乘加',
    field: '感受野',
    memory: '输出大小',
    total: '合计',
  },

  versus: {
    title: '与 AlexNet 相比',
    about: 'VGG 以更多的内存和计算换取深度：许多小卷积核，作用在全尺寸的特征图上。',
    note: (size) => `两者都用 ${size}×${size} 的图像，批量大小为 1。`,
    noteSmall: (minimum) => `两者都用 224×224 的图像，批量大小为 1：AlexNet 至少需要 ${minimum}×${minimum}。`,
    tally: '书中的统计',
    tallyNote: '按书中的统计方法：卷积层的权重（不含偏置），以及第一个全连接层（含偏置）。',
    ratio: '倍数',
    rows: {
      params: '参数',
      macs: '每张图像的乘加次数',
      activations: '激活值',
      training: '训练所需内存',
      field: '感受野',
    },
  },

  exercises: {
    title: '书中的练习',
    about: '先猜一猜。答案由本页逐层算出。',
    ask: {
      size: '书中把图像放大到 224×224。VGG-11 此时的计算量是使用 96×96 图像时的几倍？',
      memory: '批量大小为 128 时，VGG-11 的激活值所占内存是 AlexNet 的几倍？',
      layers: '书中打印了 8 个形状，每个块和每个全连接层各一个。有权重的层一共有几层？',
    },
    times: (n) => `${n} 倍`,
    why: {
      size: (large, small) =>
        `每张图像的乘加运算分别是 ${large} 次和 ${small} 次。几乎都在卷积层，而卷积层的计算量与图像面积成正比。`,
      memory: (vgg, alexNet, weights) =>
        `分别是 ${vgg} 和 ${alexNet}。权重只有 ${weights} 倍：占用内存的是前几个块中全尺寸的特征图。`,
      layers: (blocks, dense, convs) =>
        `${blocks} 个块里有 ${convs} 个卷积层，后面还有 ${dense} 个全连接层。VGG-11 中的 11 指的是有权重的层数。`,
    },
    right: '答对了。',
    wrong: '不太对。',
    setUp: '设置为这个网络',
  },

  weights: {
    title: '权重文件',
    // A line may end before each of them, not within.
    lead: '把 .safetensors、\u200B.pth、\u200B.h5、\u200B.keras、\u200B.onnx 或 tfjs 模型拖到这里，或页面的任何地方。文件只在你的浏览器中读取，不会上传。',
    choose: '选择文件',
    empty: '还没有打开文件。',
    published: '下载后即可打开的公开权重：',
    file: '文件',
    format: '格式',
    network: '网络',
    parameters: '参数',
    input: '输入',
    classes: '类别',
    noClasses: '无（仅特征）',
    names: '权重的命名',
    classify: '用它给图像分类',
    adopt: '继续训练它',
    adoptNote: '在“训练”中打开这个网络。',
    compareTitle: '结果与 PyTorch 一致吗？',
    compareLead:
      '拖入在 Python 中保存的 .safetensors 文件，其中有 float32 张量“input”（图像 × 通道 × 高 × 宽）和“logits”，这里就会比较输出。',
    compared: (images, error) => `在 ${images} 张图像上，输出最多相差最大 logit 的 ${error}。`,
    logitsHere: '本页',
    logitsThere: '文件中',
    class: '类别',
  },

  ownImages: own,
};
