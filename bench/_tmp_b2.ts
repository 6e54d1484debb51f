import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { installWasmKernels } from '../src/wasm/index.ts';
async function main(){
await tf.setBackend('wasm');
installWasmKernels();
const be:any = tf.backend();
const time=(f:()=>void,reps=3)=>{f();let best=1e9;for(let i=0;i<reps;i++){const t=performance.now();f();best=Math.min(best,performance.now()-t);}return best;};
const K=(name:string,inputs:any,attrs:any)=>tf.getKernel(name,'wasm').kernelFunc({inputs,attrs,backend:be}) as any;
const drop=(...r:any[])=>r.forEach(i=>be.disposeData(i.dataId));
function images(x:any,b:number,n:number){const per=x.shape.slice(1).reduce((p:number,q:number)=>p*q,1);const o=be.makeOutput([n,...x.shape.slice(1)],'float32');be.typedArrayFromHeap(o).set(be.typedArrayFromHeap(x).subarray(b*per,(b+n)*per));return o;}
function chunked(x:any,dy:any,attrs:any,c:number){
  let sum:any; const N=x.shape[0];
  for(let b=0;b<N;b+=c){const n=Math.min(c,N-b);const xs=images(x,b,n),ys=images(dy,b,n);const g=K('Conv2DBackpropFilter',{x:xs,dy:ys},attrs);drop(xs,ys);
   if(sum){const s=K('Add',{a:sum,b:g},{});drop(sum,g);sum=s;}else sum=g;}
  return sum;
}
for (const [n,h,ci,co] of [[32,32,1,16],[32,32,16,32],[32,8,64,64],[32,64,1,16],[32,64,16,32],[32,32,32,64],[32,16,64,64],[128,28,16,32],[8,112,16,32],[128,14,64,64],[128,56,64,64],[16,224,1,16]] as const){
  const x=tf.randomNormal([n,h,h,ci]) as tf.Tensor4D, dy=tf.randomNormal([n,h,h,co]) as tf.Tensor4D;
  const gf=2*n*h*h*ci*co*9/1e6;
  const a={strides:[1,1],dilations:[1,1],pad:'same',dataFormat:'NHWC',filterShape:[3,3,ci,co]};
  const res=[`whole ${(gf/time(()=>drop(K('Conv2DBackpropFilter',{x,dy},a)))).toFixed(1)}`];
  const tx=time(()=>drop(K('Transpose',{x},{perm:[3,1,2,0]}))), ty=time(()=>drop(K('Transpose',{x:dy},{perm:[1,2,0,3]})));
  for(const c of [1,2,4,8,16,32,64]) if(c<n) res.push(`${c}: ${(gf/time(()=>drop(chunked(x,dy,a,c)),2)).toFixed(1)}`);
  console.log([n,h,ci,co].join(','),`total ${(gf/30).toFixed(1)}ms@30GF, transpose x ${tx.toFixed(1)} dy ${ty.toFixed(1)}; GF:`,res.join(' '), 'kfloats/img', h*h*co/1000);
  tf.dispose([x,dy]);
}
}
main();
