/** The files of numpy.save (NumPy 2): arange(6) / 7 as float32 [2, 3], and arange(12) / 7 as float16 [3, 1, 2, 2]. */
export const NPY_FILES = {
  f32: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAJUkSPiVJkj63bds+JUkSP27bNj8=',
  f16: 'k05VTVBZAQB2AHsnZGVzY3InOiAnPGYyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsIDEsIDIsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAJIwkjTbNpI4tznbOgA8kjwlPbc9ST4=',
};

/** The shape and the numbers of a `.npy` file of float32 or float16. */
export function readNpy(file: Buffer): { shape: number[]; values: Float32Array } {
  const start = 10 + file.readUInt16LE(8);
  const header = file.toString('latin1', 10, start);
  const [, descr, tuple] =
    /^\{'descr': '<f([24])', 'fortran_order': False, 'shape': \(([\d, ]*)\), \} *\n$/.exec(header)!;
  const bytes = Number(descr);
  const values = Float32Array.from({ length: (file.length - start) / bytes }, (_, i) =>
    bytes === 4 ? file.readFloatLE(start + 4 * i) : half(file.readUInt16LE(start + 2 * i)),
  );
  return {
    shape: tuple!
      .split(',')
      .filter((size) => size.trim() !== '')
      .map(Number),
    values,
  };
}

/** A finite float16. */
function half(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -magnitude : magnitude;
}
