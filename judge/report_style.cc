#include "judge/report_parts.h"

namespace agon::judge {

// One accent for what training led to ("after"), a quiet second tone for where it came
// from; green and red only for right and wrong.
const char* ReportStyle() {
  return R"css(
:root{--paper:#fcfbf8;--ink:#1d1c1a;--soft:#6b675f;--rule:#e4e0d7;--faint:#f3f0e9;
--after:#0b6e69;--before:#b0631b;--third:#4a5a8a;--fourth:#8a4a78;--fifth:#6d6a1e;
--sixth:#5c5c66;--right:#2c7a3f;--wrong:#b3372c;--cheese:#f0c75e;--rind:#d9a93a;--hole:#fcfbf8}
@media (prefers-color-scheme:dark){:root{--paper:#15171a;--ink:#e8e6e1;--soft:#9a978f;
--rule:#2d3035;--faint:#1d2024;--after:#4fc4bb;--before:#e2a05c;--third:#9fb0e6;--fourth:#d79ac6;
--fifth:#cfcb6a;--sixth:#b0b0bd;--right:#6cc483;--wrong:#ee8378;--cheese:#a8822f;--rind:#8a6a22;
--hole:#15171a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:17px/1.55 Charter,"Bitstream Charter","Sitka Text","Source Serif 4",Cambria,Georgia,serif;
-webkit-font-smoothing:antialiased}
main{max-width:1080px;margin:0 auto;padding:56px 32px 96px}
.kicker,th,.tick,.value,figcaption span,small,.fine,.name,.change,.legend,label,.tag,dt,
.who,.rowname,.rowvalue,.axis,.asked{font-family:ui-sans-serif,"Inter","Helvetica Neue","Segoe UI",Arial,sans-serif}
.kicker{margin:0;color:var(--soft);font-size:13px;letter-spacing:.08em;text-transform:uppercase}
h1{margin:4px 0 28px;font-size:42px;line-height:1.12;font-weight:600;letter-spacing:-.015em;
overflow-wrap:anywhere}
h2{margin:52px 0 18px;padding-top:14px;border-top:1px solid var(--rule);font-size:24px;
font-weight:600;letter-spacing:-.005em}
.verdict{margin:0 0 10px;font-size:27px;line-height:1.3;letter-spacing:-.01em;overflow-wrap:anywhere}
.verdict::before{content:"";display:inline-block;width:.5em;height:.5em;margin-right:.4em;
border-radius:50%;background:var(--soft);vertical-align:.1em}
.verdict.better::before{background:var(--right)}.verdict.worse::before{background:var(--wrong)}
.lead{max-width:44em;margin:0 0 24px;font-size:19px}
.fine,small{color:var(--soft);font-size:13px;line-height:1.45}
.fine{max-width:62em}
.headlines{display:grid;grid-template-columns:1.35fr 1fr 1fr;gap:0;margin:0 0 16px;
border-top:2px solid var(--ink);border-bottom:1px solid var(--rule)}
.headline{padding:18px 20px 18px 0}
.headline+.headline{padding-left:24px;border-left:1px solid var(--rule)}
.headline p{margin:0}.name,.change{color:var(--soft);font-size:14px}.change b{color:var(--ink)}
.numbers{display:flex;align-items:baseline;gap:10px;margin:6px 0!important;font-size:30px;line-height:52px;
font-variant-numeric:lining-nums tabular-nums;white-space:nowrap}
.headline:first-child .numbers{font-size:40px}
.numbers .before{color:var(--before);font-size:.66em}.numbers .after{color:var(--after);
font-weight:600}.to{color:var(--soft);font-size:.66em}
.charts{display:grid;grid-template-columns:repeat(6,1fr);gap:28px 32px;align-items:start;
margin:8px 0 28px}
.wide{grid-column:span 3;min-width:0}.small{grid-column:span 2;min-width:0}
figure{margin:0}figure.full{margin:8px 0 36px}
figcaption b{display:block;font-size:17px;font-weight:600}
figcaption span{display:block;color:var(--soft);font-size:13px}
figcaption{margin-bottom:8px}
svg{display:block;width:100%;height:auto;overflow:visible}
.grid{stroke:var(--rule);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}
.tick{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}.name{font-style:normal}
.small .tick,.small .value{font-size:11px}
.value{font-size:12px;font-weight:600}
path{fill:none;stroke-linejoin:round;stroke-linecap:round}
.line{stroke-width:2}.raw{stroke-width:1;opacity:.28}.whisker{stroke-width:2;opacity:.55}
path.after,line.after{stroke:var(--after)}path.before,line.before{stroke:var(--before)}
path.third,line.third{stroke:var(--third)}
path.fourth,line.fourth{stroke:var(--fourth)}
path.fifth,line.fifth{stroke:var(--fifth)}
path.sixth,line.sixth{stroke:var(--sixth)}
text.after,circle.after{fill:var(--after)}text.before,circle.before{fill:var(--before)}
text.third,circle.third{fill:var(--third)}
text.fourth,circle.fourth{fill:var(--fourth)}
text.fifth,circle.fifth{fill:var(--fifth)}
text.sixth,circle.sixth{fill:var(--sixth)}
.dot{stroke:var(--paper);stroke-width:1.5}
.legend{margin:-2px 0 6px;color:var(--soft);font-size:13px}
.legend span{margin-right:16px;white-space:nowrap}
.key{display:inline-block;width:10px;height:10px;margin:0 6px 0 0;border-radius:50%}
i.before{background:var(--before)}b.before{color:var(--before)}
i.after{background:var(--after)}b.after{color:var(--after)}
i.third{background:var(--third)}b.third{color:var(--third)}
i.fourth{background:var(--fourth)}b.fourth{color:var(--fourth)}
i.fifth{background:var(--fifth)}b.fifth{color:var(--fifth)}
i.sixth{background:var(--sixth)}b.sixth{color:var(--sixth)}
.who.before{color:var(--before)}.who.after{color:var(--after)}
.tracks{margin:8px 0 40px}
.row{display:grid;grid-template-columns:minmax(150px,31%) 1fr 64px;gap:14px;align-items:center;min-height:30px}
.gap{height:16px}
.rowname{font-size:14px;overflow-wrap:anywhere;line-height:1.3}.rowname small{font-size:11.5px}
.rowvalue{font-size:13px;text-align:right;font-variant-numeric:tabular-nums;color:var(--soft)}
.rowvalue.after{color:var(--after);font-weight:600}
.rowvalue.better{color:var(--right);font-weight:600}.rowvalue.worse{color:var(--wrong);font-weight:600}
.track{position:relative;display:block;height:30px;border-bottom:1px solid var(--faint)}
.track i{position:absolute;display:block}
.track i.line,.track i.zero{top:0;bottom:0;width:1px;background:var(--rule)}
.track i.zero{background:var(--soft)}
.track i.ci{height:5px;margin-top:-2.5px;border-radius:3px;opacity:.4}
.track i.dot{width:10px;height:10px;margin:-5px 0 0 -5px;border-radius:50%;
box-shadow:0 0 0 1.5px var(--paper)}
.track i.better{background:var(--right)}.track i.worse{background:var(--wrong)}
.track i.unclear{background:var(--soft)}
.axis .track{height:20px;border:0}.axis .track i{font-style:normal;font-size:11px;color:var(--soft);
transform:translateX(-50%);white-space:nowrap}
.axis .track i:first-child{transform:none}.axis .track i:last-child{transform:translateX(-100%)}
.skills{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:26px 32px;
margin:8px 0 28px}
.slices{display:flex;gap:12px}.slice{flex:1;min-width:0}.slice small{display:block;margin-top:4px;
overflow-wrap:anywhere}
.cheese{fill:var(--cheese);stroke:var(--rind);stroke-width:1.5}
.hole{fill:var(--hole);stroke:var(--rind);stroke-width:1.2}
.whole{fill:transparent}a:hover .hole,a:hover .whole,a:focus .hole{stroke:var(--ink);stroke-width:2}
.tasks{margin:0 0 6px;border-bottom:1px solid var(--rule)}
.tasks>summary{padding:8px 0;font-size:17px;cursor:pointer}
.task{margin:0;border-top:1px solid var(--faint)}
.task>summary{display:flex;gap:12px;align-items:center;padding:5px 0;cursor:pointer;list-style:none}
.task>summary::-webkit-details-marker{display:none}
.task[open]{padding-bottom:16px}.task:target{background:var(--faint)}
.asked{flex:1;min-width:0;font-size:13px;color:var(--soft);overflow:hidden;white-space:nowrap;
text-overflow:ellipsis}
.strip{display:inline-flex;gap:2px;flex:none}
.strip i{display:inline-block;width:9px;height:9px;border-radius:2px;background:var(--soft)}
.strip i.right{background:var(--right)}.strip i.wrong{background:var(--wrong)}
.strip i.masked{background:var(--rule)}
table{width:100%;border-collapse:collapse;font-variant-numeric:lining-nums tabular-nums}
th{padding:6px 10px;color:var(--soft);font-size:13px;font-weight:500;text-align:right;
vertical-align:bottom}
td{padding:7px 10px;border-top:1px solid var(--rule);text-align:right;vertical-align:top;
white-space:nowrap}
th:first-child,.text{text-align:left}
tbody th{border-top:1px solid var(--rule);color:var(--ink);vertical-align:top;font-size:14px;
padding-top:9px;overflow-wrap:anywhere}
th:first-child{padding-left:0}
.bar{width:22%;text-align:left}.bar i{display:block;height:8px;min-width:2px;margin-top:9px;
border-radius:2px;background:var(--third);opacity:.75}
.metrics{font-size:15px}.metrics small{display:block;font-size:11.5px}
.recipes tbody th{white-space:nowrap}
.setting{white-space:normal;overflow-wrap:anywhere;font-size:14px}
.more{margin:0 0 20px}.more summary{color:var(--soft);font-size:15px;cursor:pointer}
h3{margin:34px 0 10px;font-size:19px;font-weight:600}
.exploits{font-size:15px}.exploits .said{white-space:normal;overflow-wrap:anywhere}
.exploits small{display:block}
.confusion{width:auto;margin:0 0 8px;border-spacing:0}
.confusion td{min-width:150px;padding:14px 20px;border:1px solid var(--rule);text-align:center}
.confusion td b{display:block;font-size:28px;font-weight:600;line-height:1.2}
.confusion tbody th{border:0;vertical-align:middle;padding-right:18px}
.confusion thead th{text-align:center}
.confusion .better{background:color-mix(in srgb,var(--right) 13%,transparent)}
.confusion .worse{background:color-mix(in srgb,var(--wrong) 13%,transparent)}
.confusion .better b{color:var(--right)}.confusion .worse b{color:var(--wrong)}
.filter>input{position:absolute;opacity:0}
.filter>label{display:inline-block;margin:0 8px 18px 0;padding:5px 14px;
border:1px solid var(--rule);border-radius:99px;font-size:14px;cursor:pointer}
.filter>input:checked+label{border-color:var(--ink);background:var(--ink);color:var(--paper)}
.filter>input:checked+label small{color:inherit}
.filter>input:focus-visible+label{outline:2px solid var(--after);outline-offset:2px}
#show-better:checked~.samples>:not(.better),#show-worse:checked~.samples>:not(.worse),
#show-right:checked~.samples>:not(.right),#show-wrong:checked~.samples>:not(.wrong){display:none}
.sample{margin:0 0 22px;padding:0 0 20px;border-bottom:1px solid var(--rule)}
.sample summary{cursor:pointer;list-style-position:outside}
.tag{font-size:12px;font-weight:600;letter-spacing:.02em}
.tag.better,.mark.right{color:var(--right)}.tag.worse,.mark.wrong{color:var(--wrong)}
.tag.right,.tag.wrong{color:var(--soft)}
.question{max-width:44em;margin:8px 0 2px;white-space:pre-wrap;overflow-wrap:anywhere}
.gold{margin:0 0 10px;color:var(--soft);font-size:15px}.gold b{color:var(--ink)}
.two{display:grid;grid-template-columns:1fr 1fr;gap:24px}
.answer{min-width:0}.answer p{margin:0}.who{font-size:13px;font-weight:600}
.who small{font-weight:400}
pre{margin:6px 0;padding:10px 14px;border-radius:4px;background:var(--faint);
font:14px/1.5 ui-monospace,"SF Mono","DejaVu Sans Mono",Menlo,Consolas,monospace;
white-space:pre-wrap;overflow-wrap:anywhere;max-height:24em;overflow:auto;min-height:2.5em}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:14px 28px;
margin:64px 0 0;padding-top:18px;border-top:1px solid var(--rule);font-size:15px}
dt{color:var(--soft);font-size:12px}dd{margin:0;overflow-wrap:anywhere}
@media (max-width:820px){main{padding:32px 18px}.headlines,.two{grid-template-columns:1fr}
.headline+.headline{padding-left:0;border-left:0;border-top:1px solid var(--rule)}
.wide{grid-column:span 6}.small{grid-column:span 3}h1{font-size:32px}.charts{gap:24px}
table{display:block;overflow-x:auto}.verdict{font-size:22px}.lead{font-size:17px}
.row{grid-template-columns:1fr auto;gap:0 10px}.row .rowname{grid-column:1}
.row .rowvalue{grid-column:2;grid-row:1}.row .track{grid-column:1/-1;height:22px}
.axis .rowname,.axis .rowvalue{display:none}.skills{grid-template-columns:1fr}
.task>summary{flex-wrap:wrap;gap:6px}.asked{flex-basis:100%}}
@media print{main{padding:0}.filter>label{display:none}figure,.sample{break-inside:avoid}}
)css";
}

}  // namespace agon::judge
