/** Small HDF5 files of h5py 3.14, gzipped, in base64; above each is what made it. */
export const HDF5_FILES = {
  /*
   with h5py.File(path, "w") as f:
       group = f
       for _ in range(25):
           inner = group.create_group("a")
           group["b"] = inner
           group = inner
   */
  diamonds:
    'H4sIAAAAAAACA+3cPUhbURQH8KdWjErwBrF+YdWKVStWrVi1Yo0f0VRpDLHEEMGmabEZM2bMmG4ZM2bM6Ojo6OjomDGjo5slvSfFe67CobR38X+Xx3s5nCfHPz84EPIzvL3j7xjo8OrH5/Oeecq7f+7o1H6Y943PU3RtomuBrpXmxvOm35/10fMA9ed1n2OhUL36jp3Ge6qt+mr+dThP5YRDG9H6NUH3jTxdNpt1X+maZrkM/uV76+ltfiC/4RZ9n2mV5bfWjvwiv3Z+C63/N7+HkYPteoJ9dD/SYvblOVbCuqd2HnMg2qbvs+0yB278cAAO2A4U2906MNlm9uU5VsI6OKAnlejU9zm/zIHbAByAA7YDJb9bB+Y6zb48x0pYBwf0pFJd+j4fkDngPYcDcMB2oBxw68Byl9mX51gJ6+CAnlSmm/a7HpkDvgE4AAdsByo9bh0Idpt9eY6VsA4O6Elle2m/65c5oF7AAThgO3DW79aBcK/Zl+dYCevggJ5UbpD2uyGZA30v4QAcsB04H3LrQHTQ7MtzrIR1cEBPKj9M+92ozIGRV3AADtgOXIy6dSAxbPblOVbCOjhA338Zo/1uXObA5Gs4AAce+P7LuFsHUmNmX55jJayDA3pSxQna76ZkDsy9gQNwwHbgasqtA5kJsy/PsRLWwQE9qdI07XczMgeW38IBOGA7cD3j1oHstNmX51gJ6+CAnlR5lva7eZkDwXdwAA7YDlTn3TqQmzX78hwrYR0c0JOqLNB+tyhzIPweDsAB24HaolsH8gtmX55jJayDA3pSZ0u0363IHIh+gANwwHbgZsWtA4Ulsy/PsRLWwQE9qfNV2u/WZA4kNuEAHLAduF1z60Bx1ezLc6yEdXBAT+pinfa7DZkDqR04AAdsB7xNtw6U1s2+PMdKWAcH9KQut2i/C8kcyOzBAThgO+DbcetAecvsy3OshHVwQE/qapf2u48yB7IROAAHbAfUnlsHKrtmX55jJayDA3pS1/u0332SOZCLwQE4YDvQF3HrwNm+2ZfnWAnr4ICeVPWAHsRkDuTjcAAO2A6MxNw6cH5g9uU5VsI6OKAnVTuk/S4uc6CQhANwwHZgMu7WgYtDsy/PsRLWwQE9qZsjmltS5kDxBA7AAduBuaRbBy6PzL48x0pYBwf0pG6P6f95InOglIYDcMB2YPnErQNXx2ZfnmMlrIMDNKkU7XdpmQPlUzgAB2wHgmm3Dlx/MfvyHCthHRzQk/J9p/3u9L4D3uO/U4oDB+458Od3wk553vSJ/qP3cgeq38z38BwrYd1TO78AtB17I+hnAAA=',
  /*
   with h5py.File(path, "w") as f:
       f.attrs["half"], f.attrs["flag"] = np.float16(1.5), True
       f.attrs["big"] = np.array([1.5], ">f4")
       f.attrs["ended"] = np.bytes_(b"a ")
       space = h5py.h5t.C_S1.copy()
       space.set_size(4)
       space.set_strpad(h5py.h5t.STR_SPACEPAD)
       attribute = h5py.h5a.create(f.id, b"filled", space, h5py.h5s.create(h5py.h5s.SCALAR))
       attribute.write(np.array(b"a   ", "S4"), mtype=space)
       f.attrs["matrix"] = np.array([[1, 2], [3, -4]], "i8")
       f.attrs["texts"] = [f"layer {i}" for i in range(400)]
   */
  attributes:
    'H4sIAAAAAAACA+2cZXCTeR9FnxYrXaR48eIOccGtUNxdC7RQKF7cZReXdXdj3d1YZ93d3d2VN01zk/b2d7+93zbPzE7m3BMph8Dwn+xkT87AQdXTG6U7xVdamlPRyXBKX8djl2tmWYafHbtNid3ujt0eScVeNeoyY3tG7PmzKsS4ccnt+LHZ2aWfn18nef23r5zsfqOLbyfHOC12eyy17P3wPhz9f3rdWrH3K7+vqzmh2OtVcupGfpoFuYX50ftn1XRSY+/09EpOek36uZzeeHxO/PFtI4/PL8ydX8yZqSX3zUjDY9KcQf2Gj8uO/hmZkI0nS6HnTTxfxcjPk+nMKZhf8vO3aB5Zon/inAZpToMteFxKSpnH47bPUTxf+9heOfITpDl5S+blzYtwncgdU0vdPzeL718lev/8gsLC4gfUidy5Ypn7Z2WV3H9B/P7Fj12cW7SiYG3Jr7vk97ZviU8teSR+m9VtCnHsrxfn79jfI9Wcvg3x6ynuU5S3tmhlhBtGOmREf7cSvUv3ORx7YtxWifznapbYSvMh4gPEB4n3Eu8j3k+8k/hE4pNSSn568C7i3cR7iNcSryNeT7yBeCPxJuLNxFuItxJvI95OvIN4FvFs4lziOcRziecR5xHnE88nXkBcQLyQeBFxIfFi4iXES4mXES8nXkG8kriIeBXxauI1xF2IuxJ3I3YRu4k9xF5iH7GfOEAcJA4Rh4m7E/cg7knci7g3cR/ivsT9iPsTDyAeSJxNPIh4MHEO8RDiocTDiIcTjyAeSTyKeDTxGOKxxOOIxxNPIJ5IPIl4MvEU4qnE04inE88gnhnhqqX4CacsP0n8FPHTxM8QP0v8HPHzxC8Qv0j8EvHLxK8Qv0r8GvHrxG8Qv0n8FvHbxO8Qv0v8HvH7xB8Qf0j8EfHHxJ8Qf0r8GfHnxF8Qf0n8FfHXxN8Qf0v8HfH3xD8Q/0j8E/HPxL8Q/0r8G/HvxH8Q/0n8F/HfxP8Q/0t8nNihP38pxKnEFYgrElcirkxchTiNuCpxOvEJxNWIqxPXIK5JnEFci7g2cR3iusT1iOsTNyDOJG5I3Ii4MXET4qbEzYibE2cRtyBuSdyKuDVxG+K2xO2I2xN3IO5I3Im4M79/6f2dSlyBuCJxJeLKxFWI04irEqcTn0Bcjbg6cQ3imsQZxLWIaxPXIa5LXI+4PnED4kzihsSNiBsTNyFuStyMuDlxFnEL4pbErYhbE7chbkvcjrg9cQfijsSdiDsTdyHuStyN2EXsJvYQe4l9xH7iAHGQOEQcJu5O3IO4J3Ev4t7EfYj7Evcj7k88gHggcTbxIOLBxDnEQ4iHEg8jHk48gngk8Sji0cRjiMcSjyMeTzyBeCLxJOLJxFOIpxJPI55OPIN4JvEs4tnEucRziOcSzyPOI84nnk+8gLiAeCHxIuJC4sXES4iXEi8jXk68gnglcRHxKuLVxGuI1xKvI15PvIF4I/Em4s3EW4i3Em8j3k68g3gn8YnEJxHvIt5NvId4L/E+4v3EB4gPEh8iPkx8MvEpxKcSn0Z8OvEZxGcSn0V8NvE5xOcSn0d8PvEFxBcSX0R8MfElxJcSX0Z8OfEVxFcSHyG+ivhq4muIryW+jvh64huIbyS+ifhm4luIbyW+jfh24juI7yS+i/hu4nuI7yW+j/h+4geIjxI/SPwQ8cPEjxA/SvwY8ePEx4r/TTBg1PCUxMcz8c9dqsZuC3PX5a3I8rhc9HkMezd9TsPe4yTOLJb3OokzjOV9TuJMY3m/kzjjWD5AnzOyD9LOPuQkzkSWDzuJM5Lh3S4ncWayPPpVFx79agiPfjWF9zmJM5fl/U7iDGZ59KstPPrVER796gqPfvVs70G/+sKjXwPh0S9TePRrKDz6NRIe/RoLj35NhEe/psKjXzPh0a+57b3olyU8+rUQHv1aCo9+rYRHv9bCo18b4dGvrfDo10549GsvPPp1sL0P/ToKj36dhEe/zsKjXxfh0a+r8OjXTXj0cwmPfm7h0c8jPPp5be/H6/qEx+v6hcfrBoTH6waFx+uGhMfrhoXH63YXHq/bQ3i8bk/h8bq9bB9wlf3fTcp59OsjPPr1FR79+gmPfv2FR78BwqPfQOHRL1t49BskPPoNtn0Q/XKER78hwqPfUOHRb5jw6DdcePQbITz6jRQe/UYJH6L/j4o9+o2xfQj9xgqPfuOER7/xwqPfBOHRb6Lw6DdJePSbLDz6TREe/aYKj37TbB9Gv+nCo98M4dFvpvDoN0t49JstPPrlCo9+c4RHv7nCo9884dEvz/Te+PkjX3j0my88+i0QHv0KhEe/hcKj3yLh0a9QePRbLDz6LREe/ZbaPn7+WCY8+i0XHv1WCI9+K4VHvyLh0W+V8Oi3Wnj0WyM8+q0VHv3W2T5+/lgvPPptEB79NgqPfpuER7/NwqPfFuHRb6vw6LdNePTbLjz67bB9/PyxU3j0O1F49DtJePTbJTz67RYe/fYIj357hUe/fcKj337h0e+A7ePnj4PCo98h4dHvsPDod7Lw6HeK8Oh3qvDod5rw6He68Oh3hvDod6bt4+ePs4RHv7OFR79zhEe/c4VHv/OER7/zhUe/C4RHvwuFR7+LhEe/i20fP39cIjz6XSo8+l0mPPpdLjz6XSE8+l0pPPodER79rhIe/a4WHv2usX38/HGt8Oh3nfDod73w6HeD8Oh3o/Dod5Pw6Hez8Oh3i/Dod6vw6Heb7ePnj9uFR787hEe/O4VHv7uER7+7hUe/e4RHv3uFR7/7hEe/+4VHvwdsHz9/HBUe/R4UHv0eEh79HhYe/R4RHv0eFR79HhMe/R4XHv2OCY9+T5jeHT9/PCk8+j0lPPo9LTz6PSM8+j0rPPo9Jzz6PS88+r0gPPq9KDz6vWT7+PnjZeHR7xXh0e9V4dHvNeHR73Xh0e8N4dHvTeHR7y3h0e9t4dHvHdvHzx/vCo9+7wmPfu8Lj34fCI9+HwqPfh8Jj34fC49+nwiPfp8Kj36f2T5+/vhcePT7Qnj0+1J49PtKePT7Wnj0+0Z49PtWePT7Tnj0+1549PvB9vHzx4/Co99PwqPfz8Kj3y/Co9+vwqPfb8Kj3+/Co98fwqPfn8Kj31+2j58//hYe/f4RHv3+FR79jguPfviAnz36pQiPfqnCo18F4dGvovDoV8n28fNHZeHRr4rw6JcmfPxzK+HRL1149DtBePSrJjz6VRce/WoIj341bR8/f2QIj361hEe/2sKjXx3h0a+u8OhXT3j0qy88+jUQHv0yhUe/hraPnz8aCY9+jYVHvybCo19T4dGvmfDo11x49MsSHv1aCI9+LYVHv1a2j58/WguPfm2ER7+2wqNfO+HRr73w6NdBePTrKDz6dRIe/ToLj35dYj6tjPe7utq7u5u9e1z27nXbu89j736vvQd89h7023soYO/hoLkHXCF7d4ft3dPd3r097N3X0979vew90Nveg33sPdTX3sP9zD3o6m/v7gH27hlo795se/cNsnf/YHsP5Nh7cIi9h4bae3iYuYdcw+3dPcLePSPt3TvK3n2j7d0/xt4DY+09OM7eQ+PtPTzB3MOuifbunmTvnsn27p1i776p9u6fZu+B6fYenGHvoZn2Hp5l7h7/bHsP5Np7cI69h+bae3ieuXtdefbuzrd3z3x79y6wd1+BvfsX2ntgkb0HC+09tNjew0vM3edaau/uZfbuWW7v3hX27ltp7/4iew+ssvfgansPrbH38Fpzd3vX2btvvb37N9h7YKO9BzfZe2izvYe32O9P11Z7d2+zd892e/fusHffzlLfX1Pq79vod8iU30PR75Ipv4ej3ylj/Lpcu+3dvcfePXvN5/dFvwOn/O6PfhdO+T0Q/Y6d8rsn+l075Xdv9Dt6yu/uMt/vk9jxr9DIOaiWk7ySV/JKXskreSWv5JW8klfySl7JK3klr+T1n7j+BziAL6IwXgAA',
  /*
   with h5py.File(path, "w") as f:
       f["type"] = np.dtype("f4")
       f.create_dataset("data", data=np.ones(2, "f4"), dtype=f["type"])
   */
  committed:
    'H4sIAAAAAAACA+v0cHHj5ZLiYgABDg4GFgYBBmTwHwqAUih8mHwClGaE0h1QegUTTJwRLCcBFReEmo+uLiTI1RWk+j8agNkTwAyhORhGwUgEHq6OASA6AsqHpacTTKjqSioLUkF0SmJJInK6dCDTXlDqBVmhAOUzA21mBaVjBXlgXmEAy4hzMIjXQ+WD/fxdQDpguWgGC37zYelZgXk0jlHDnRUSd4wwPiTGGRkhArBoZ4LHiwADKAiZmFBDkhUYwoxgcSZGSHhDzGFmhAU9eokyYTTwR8EIAg32IAwAubapyQgIAAA=',
} as const;
