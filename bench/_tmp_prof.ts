import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-wasm';
import { installWasmKernels } from '../src/wasm/index.ts';
import { vgg, smallArch } from '../src/index.ts';
async function main(){
await tf.setBackend('wasm');
installWasmKernels();
const be:any = tf.backend();
const acc=new Map<string,number[]>();
// wrap all kernels
let stack:number[]=[];
let on=false;
for (const k of tf.getKernelsForBackend('wasm')) { const f=k.kernelFunc; (k as any).kernelFunc=(a:any)=>{ if(!on) return f(a); const t=performance.now(); stack.push(0); const r=f(a); const d=performance.now()-t; const child=stack.pop()!; if(stack.length) stack[stack.length-1]+=d; const e=acc.get(k.kernelName)??[0,0,0]; e[0]+=d-child; e[1]+=1; e[2]+=d; acc.set(k.kernelName,e); return r;}; }
for (const bn of [false,true]) for (const [size,batch] of [[32,32],[64,32],[224,8]] as const){
  const m=smallArch(4,{inputShape:[size,size,1],hiddenUnits:size===224?4096:256,batchNorm:bn});
  m.compile({optimizer:tf.train.sgd(0.01),loss:(y:any,p:any)=>tf.losses.softmaxCrossEntropy(y,p)} as any);
  const x=tf.randomNormal([batch,size,size,1]), y=tf.oneHot(tf.tensor1d([...Array(batch).keys()].map(i=>i%10),"int32") as any,10);
  const step=async()=>{const l:any=await m.trainOnBatch(x,y);};
  await step(); await step();
  const n=5; let best=1e9; for(let i=0;i<n;i++){const t=performance.now(); await step(); best=Math.min(best,performance.now()-t);}
  acc.clear(); on=true; for(let i=0;i<n;i++) await step(); on=false;
  let tot=0; for(const v of acc.values()) tot+=v[0];
  console.log(`bn ${bn} ${size} b${batch}: step ${best.toFixed(0)}ms ${(batch/best*1000).toFixed(0)}/s kernels ${(tot/n).toFixed(0)}ms heap ${(be.wasm.HEAPU8.length/1e6)|0}`);
  console.log([...acc].sort((a,b)=>b[1][0]-a[1][0]).slice(0,14).map(([k,v])=>`${k} ${(v[0]/n).toFixed(1)}ms x${v[1]/n}${v[2]>v[0]*1.05?` (incl ${(v[2]/n).toFixed(1)})`:''}`).join(' | '));
  tf.dispose([x,y]); m.dispose();
}
}
main();
