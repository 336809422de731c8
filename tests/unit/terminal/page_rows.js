// The page of the agent keeps its newest rows and the one it asked for, however long it stays open. Runs the page's own function.
"use strict";
const page=require("fs").readFileSync(process.argv[2],"utf8");
const kept=/const KEPT=\d+;/.exec(page),keep=/function keep\(q\)\{.*\}/.exec(page);
if(!kept||!keep){console.error("the page has no keep()");process.exit(1)}
const rows=new Function("let mine=3,rows=new Map();"+kept[0]+keep[0]+
  "for(let n=1;n<=5000;n++){keep({number:n,state:'open'});keep({number:n,state:'done'})}return rows")();
const want=[3,...Array.from({length:99},(_,i)=>4902+i)].join();
const got=[...rows.keys()].sort((a,b)=>a-b).join();
if(got!==want||rows.get(5000).state!=="done"){console.error("kept: "+got);process.exit(1)}
