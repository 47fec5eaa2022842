// The look of the verification pages. It lives in the shadow root, so that the
// app's page and this one do not disturb each other. Sizes are px and em, never
// rem: many mobile pages change the root size. Contrast: text ≥ 7:1, controls ≥ 4.5:1.

/** rgb(244,246,249) is PAGE of surface.ts: the light fades in from it. */
export const css = `
:host{all:initial}
*{box-sizing:border-box}
dialog{position:fixed;inset:0;width:100%;height:100%;max-width:none;max-height:none;margin:0;padding:0;border:0;z-index:2147483647;
 background:rgb(244,246,249);color:#17202b;font:17px/1.6 system-ui,-apple-system,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;
 overflow:auto;overscroll-behavior:contain;-webkit-text-size-adjust:100%;text-align:start}
dialog:not([open]){display:none}
dialog::backdrop{background:rgb(244,246,249)}
.page{min-height:100%;max-width:34em;margin:0 auto;padding:0 20px max(20px,env(safe-area-inset-bottom));display:flex;flex-direction:column;gap:16px}
.bar{display:flex;justify-content:space-between;align-items:center;gap:12px;padding:max(10px,env(safe-area-inset-top)) 0 0;font-size:16px;color:#3d4856}
h1{font-size:1.4em;line-height:1.3;margin:0;outline:0}
p,ul,dl,dd{margin:0}
ul{padding-inline-start:1.3em}
.main{display:flex;flex-direction:column;gap:16px}
.box{background:#fff;border:1px solid #d5dbe3;border-radius:14px;padding:14px 16px}
.warn{background:#fff7e0;border-color:#c98a00}
.note{font-size:16px;color:#3d4856}
.box>a{display:inline-block;padding:10px 0}
.bad{color:#9b1c1c;font-weight:600}
details>summary{cursor:pointer;min-height:44px;display:flex;align-items:center;font-weight:600}
dt{font-weight:600;margin-top:10px}
dd{color:#3d4856;overflow-wrap:anywhere}
label.tick{display:flex;gap:12px;align-items:flex-start;min-height:44px;padding:8px 0;cursor:pointer}
label.tick input{flex:none;width:24px;height:24px;margin:2px 0 0;accent-color:#0b57d0}
.row{display:flex;flex-wrap:wrap;gap:12px}
button,a.button{flex:1 1 12em;min-height:52px;padding:10px 18px;border-radius:12px;border:2px solid #0b57d0;background:#0b57d0;color:#fff;
 font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer;display:flex;align-items:center;justify-content:center}
button.other,a.other{background:#37424f;border-color:#37424f}
button.quiet{flex:none;min-height:44px;padding:6px 14px;background:transparent;border-color:transparent;color:#17202b;text-decoration:underline}
button[aria-disabled=true]{background:#5d6b7a;border-color:#5d6b7a;cursor:not-allowed}
:focus-visible{outline:3px solid #b3261e;outline-offset:3px}
h1:focus-visible{outline:0}
select{font:inherit;min-height:44px;padding:6px 10px;border-radius:10px;border:2px solid #5d6b7a;background:#fff;color:inherit;max-width:100%}
/* never display:none: browsers stop the pictures of a video that has no box */
.cam{position:absolute;left:0;top:0;width:2px;height:2px;opacity:.01;overflow:hidden;pointer-events:none}
[data-screen=guide] .cam{position:relative;opacity:1;align-self:center;width:min(78vw,40vh,340px);height:auto;aspect-ratio:3/4;border-radius:50%;
 border:5px solid #5d6b7a;background:#cfd6de}
.cam video{width:100%;height:100%;object-fit:cover;transform:scaleX(-1);display:block}
[data-good=true] .cam{border-color:#137333}
.hint{font-size:1.3em;font-weight:700;text-align:center;line-height:1.4}
.page>.hint{display:contents}
[data-screen=guide] .page>.hint{display:block;min-height:2.8em}
[data-screen=guide] h1{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
[data-screen=analysing] .main,[data-screen=camera] .main,[data-screen=pass] .main,[data-screen=fail] .main,[data-screen=retry] .main,[data-screen=trouble] .main,
[data-screen=camera_error] .main{text-align:center;margin:auto 0}
[data-screen=pass] .bar button,[data-screen=fail] .bar button,[data-screen=trouble] .bar button,[data-screen=alternative] .bar button{visibility:hidden}
.mark{width:84px;height:84px;align-self:center;border-radius:50%;display:flex;align-items:center;justify-content:center;font-size:44px;line-height:1;color:#fff;background:#37424f}
.mark.ok{background:#137333}
.busy{width:64px;height:64px;align-self:center;border-radius:50%;border:6px solid #c3ccd6;border-top-color:#0b57d0;animation:turn 1s linear infinite}
@keyframes turn{to{transform:rotate(1turn)}}
@media (prefers-reduced-motion:reduce){.busy{animation:none;border-color:#0b57d0}}
.away{display:none}
[data-lit=true] .away{display:flex}
.light{display:none}
[data-lit=true] .light{display:block}
::slotted(canvas){position:fixed!important;inset:0!important;width:100%!important;height:100%!important;max-width:none!important;max-height:none!important;
 margin:0!important;padding:0!important;border:0!important;display:block!important;opacity:1!important;filter:none!important;transform:none!important;visibility:visible!important}
[data-lit=true]{overflow:hidden}
[data-lit=true] .bar,[data-lit=true] .main{position:fixed;z-index:1;left:0;right:0}
[data-lit=true] .bar{top:auto;bottom:max(10px,env(safe-area-inset-bottom));padding:0;justify-content:center}
[data-lit=true] .bar span{display:none}
[data-lit=true] .bar button{background:rgba(0,0,0,.72);color:#fff;text-decoration:none;flex:0 1 auto;padding:2px 12px;line-height:1.3}
[data-screen=flash] .main{bottom:calc(max(10px,env(safe-area-inset-bottom)) + 54px);align-items:center}
[data-screen=flash] h1{font-size:1.1em;background:rgba(0,0,0,.72);color:#fff;border-radius:999px;padding:6px 18px;max-width:92%;text-align:center}
[data-lit=true] .cam{position:fixed;z-index:1;top:max(8px,env(safe-area-inset-top));left:50%;margin-left:-36px;width:72px;height:96px;opacity:1;border-radius:50%;border-style:solid;border-width:2px;border-color:rgba(0,0,0,.5)}
[data-screen=reading] .main{top:0;bottom:calc(max(10px,env(safe-area-inset-bottom)) + 54px);align-items:center;justify-content:center;gap:1.5vh;pointer-events:none}
/* always the same size: the light from it must not change with the digit; no larger than the digit, 30vh high, needs: it covers colours */
.plate{box-sizing:content-box;font:700 min(42vh,100vw)/.88 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums lining-nums;width:.7em;height:.88em;
 padding:0 .06em;border-radius:.1em;background:#fff;color:#000;text-align:center;white-space:nowrap}
.plate.all{font-size:min(42vh,30vw);width:auto;min-width:2.8em}
.progress,.pill{background:rgba(0,0,0,.72);color:#fff;border-radius:999px;padding:4px 18px;max-width:92%;text-align:center}
.progress:empty{display:none}
.progress{font-size:1.3em;font-weight:700;font-variant-numeric:tabular-nums}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (prefers-contrast:more){.box{border-color:#17202b}.note,dd{color:#17202b}}
`;
