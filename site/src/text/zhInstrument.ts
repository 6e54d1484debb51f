import type { instrument as english } from './enInstrument.js';

/** Fashion-MNIST 的类别，按编号排列。 */
const GARMENTS: Record<string, string> = {
  'T-shirt/top': 'T恤',
  Trouser: '裤子',
  Pullover: '套衫',
  Dress: '连衣裙',
  Coat: '外套',
  Sandal: '凉鞋',
  Shirt: '衬衫',
  Sneaker: '运动鞋',
  Bag: '包',
  'Ankle boot': '短靴',
};

/** 开场与网络内部的文字。 */
export const instrument: typeof english = {
  garmentNames: Object.values(GARMENTS),
  className: (name) => GARMENTS[name] ?? name,

  start: {
    about: (accuracy) => `三个块、8.1 万个权重，在 Fashion-MNIST 上训练：测试精度为 ${accuracy}。`,
  },

  path: {
    label: '下一步',
    chapter: '见书中这一节',
    sections: {
      shapes: 'guide/zh/chapter.html#vgg-网络',
      blocks: 'guide/zh/chapter.html#vgg-块',
      cost: 'guide/zh/chapter.html#为什么-vgg-比-alexnet-占用更多内存',
      training: 'guide/zh/chapter.html#训练',
    },
    done: {
      start: '你看到了训练好的网络能做什么。它还能学会你给它看的东西。',
      own: '它借助特征学会了分类。计算这些特征的网络由什么组成？',
      network: '你知道了它的开销。它学得怎么样？',
      train: '训练时和训练后都可以看一看：它学到了什么？',
      inside: '特征还能做什么？',
      style: '保存训练好的网络，或把它放进应用。',
      weights: '这个库能做的不止这些',
    },
    next: {
      start: '试一试',
      own: '教它认识你的图像',
      network: '设计自己的网络',
      train: '训练它',
      inside: '查看网络内部',
      style: '风格与差别',
      weights: '带走',
    },
  },

  strip: {
    label: '各层',
    title: '逐层看这个网络',
    closer: '细看这一层',
    field: '感受野',
    input: '图像',
    classes: '类别',
    parameters: '参数',
    macs: '乘加运算',
    legend: '每个方框是一层，标出输出的形状，从图像到类别。',
    choose: '点开一层细看。',
    dark: '一直全黑的特征图没有激活：ReLU 把它变成了零。',
  },

  closeUp: {
    about: {
      input: () => '网络看到的：缩放到输入尺寸的图像。',
      conv: (norm) =>
        `卷积核在上一层的所有特征图上滑动。每个位置得到一个数：加权和，加上偏置，${norm ? '经过批量规范化，' : ''}再把负数变成零。`,
      pool: () => '每个窗口只保留最大的数，因此特征图的高和宽减半。',
      dense: () => '每个单元对上一层的所有数加权求和。最后一层的每个单元对应一个类别。',
      other: () => '这一层只显示它的输出。',
    },
    maps: (shown, of) =>
      shown === of ? `${of > 1 ? '全部 ' : ''}${of} 个特征图` : `${of} 个特征图中的 ${shown} 个`,
    numbers: (shown, of) => (shown === of ? `${of} 个数` : `${of} 个数中的 ${shown} 个`),
    map: (index) => `特征图 ${index + 1}`,
    unit: (index) => `单元 ${index + 1}`,
    pixel: (map, row, column) => `特征图 ${map + 1}，第 ${row + 1} 行，第 ${column + 1} 列`,
    largest: (unit, of) => `“${unit}”是怎样加出来的：${of.toLocaleString('zh-CN')} 个乘积中最大的几个`,
    from: (layer) => `来自 ${layer}`,
    number: '数',
    weight: '权重',
    product: '乘积',
    listed: (n) => `这 ${n} 个乘积`,
    otherProducts: (n) => `其余 ${n} 个乘积`,
    scale: '色标：从这一层最小的数到最大的数',
    input: (from) => `输入：${from}`,
    output: (map) => `输出：特征图 ${map + 1}`,
    sees: (height, width) => `它看到 ${height}×${width} 个像素`,
    play: '移动窗口',
    pause: '停止移动',
    picker: '特征图的像素，用方向键移动',
    position: (row, column) => `第 ${row} 行，第 ${column} 列`,
    point: '指向输出中的一个像素，或用方向键移动。',
    other: '在求和式中可以换一个特征图。',
    window: '窗口',
    kernel: '卷积核',
    products: '乘积',
    pooled: '最大值',
    outside: '输入之外：填充零',
    source: (layer, index) =>
      layer === undefined ? `图像的通道 ${index + 1}` : `${layer} 的特征图 ${index + 1}`,
    others: (n) => `其余 ${n} 个特征图`,
    added: '乘积之和',
    bias: '偏置',
    total: '总和',
    norm: (scale, shift) => `批量规范化：× ${scale} ${shift}`,
    relu: 'ReLU：负数变成零',
  },
};
