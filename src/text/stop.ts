/** Words that say nothing about what is asked for, as `words` yields them ("don't" is dont, "it's" is it). */
const ENGLISH = `
a about above after again against all am an and any are aren't as at be because been before being below between both
but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each few for from further
had hadn't has hasn't have haven't having he her here hers herself him himself his how i if in into is isn't it its
itself just let me more most mustn't my myself no nor not of off on once only or other our ours ourselves out over own
same she should shouldn't so some such than that the their theirs them themselves then there these they this those
through to too under until up us very was wasn't we were weren't what when where which while who whom whose why will
with won't would wouldn't you your yours yourself yourselves
also ever get gets getting got may might must shall
`;

/** Function words only, and none that is an English content word (die, war, man, hat, mit, son, sin, con, era stay out). */
const GERMAN = `
der das dem ein eine einen einem einer eines und oder aber nicht ist sind waren wird werden wurde wurden haben hatte
hatten ich du er sie es wir ihr mich dich sich uns euch mein meine meinen meiner dein deine sein seine ihre auf aus bei
nach von vom zu zum zur für über unter im wie wo wer wen wem wann warum welche welcher welches dass wenn
`;
const SPANISH = `
el los las un una unos unas y o pero de del al en por para que qué quién quien cuál cual cuándo cuando cómo
como dónde donde es fue ha han había se su sus lo le les yo tú ella nosotros ellos mis tu tus me te nos
`;

const STOP = new Set(`${ENGLISH}${GERMAN}${SPANISH}`.replaceAll("'", "").trim().split(/\s+/));

/** Whether a word from `words` is on the stop list. */
export function isStopWord(word: string): boolean {
  return STOP.has(word);
}
