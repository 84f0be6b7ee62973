// The tokens of JavaScript, without comments. What `/` and `{` mean follows from the token before: it ended an operand, or an
// expression or a statement begins.

const SPACE = /\s+|\/\/.*|\/\*[^]*?\*\/|^#!.*/y;
const NAME = /#?(?:[\p{ID_Start}$_]|\\u[\da-f{}]+)(?:[\p{ID_Continue}$\u200c\u200d]|\\u[\da-f{}]+)*/iuy;
const NUMBER = /(?:0[xob][\da-f_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:e[+-]?\d[\d_]*)?)n?/iy;
const STRING = /"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[\p{ID_Continue}$]*/uy;
// From a backtick, or from the brace that ends `${`, until the next of either.
const TEMPLATE = /[`}](?:[^`\\$]|\\[^]|\$(?!\{))*(?:`|\$\{)/y;
const PUNCTUATOR = /=>|\+\+|--|\?\?|\?\.(?!\d)|\.\.\.|[^]/uy;

// What comes after a token.
const OPERATOR = 'operator'; // an operand ended; on a new line a statement may begin as well
const EXPRESSION = 'expression';
const STATEMENT = 'statement';
const KEY = 'key'; // the name of a member

const BEFORE_EXPRESSION = new Set(
  'return typeof case in instanceof new void delete throw await yield extends default const let var'.split(' '),
);
const BEFORE_STATEMENT = new Set(['else', 'do', 'try', 'finally', 'export']);
const CONTROL = new Set(['if', 'while', 'for', 'with']);

/** A list of `{kind, text, at, end, depth, isOnNewLine, isKey, isMember, endsOperand}`; `depth` is how many brackets are open around it. */
export function tokensOf(code) {
  const tokens = [];
  const frames = [{ isBlock: true }];
  let before = { text: '', after: STATEMENT };
  for (let end = 0; ; end = before.end) {
    const at = skip(code, end);
    if (at >= code.length) return tokens;
    const token = read(code, at, before, frames.at(-1));
    token.isOnNewLine = code.slice(end, at).includes('\n');
    token.isKey = before.after === KEY;
    token.isMember = token.isKey || before.text === '.' || before.text === '?.';
    token.after = after(token, before, frames, code);
    token.endsOperand = token.after === OPERATOR || token.text === '}';
    token.depth = frames.length - (opens(token) ? 2 : 1);
    tokens.push(token);
    before = token;
  }
}

function skip(code, at) {
  for (let end; (end = endOf(SPACE, code, at)) > at; ) at = end;
  return at;
}

/** Where what a pattern matches at a place ends; the place itself when it does not match. */
function endOf(pattern, code, at) {
  pattern.lastIndex = at;
  return pattern.test(code) ? pattern.lastIndex : at;
}

function read(code, at, before, frame) {
  const kinds = [
    ['name', NAME],
    ['number', NUMBER],
    ['string', STRING],
    ['template', (code[at] === '`' || (code[at] === '}' && frame.isTemplate)) && TEMPLATE],
    ['regex', before.after !== OPERATOR && REGEX],
    ['punctuator', PUNCTUATOR],
  ];
  for (const [kind, pattern] of kinds) {
    const end = pattern ? endOf(pattern, code, at) : at;
    if (end > at) return { kind, text: code.slice(at, end), at, end };
  }
  throw new Error('unreachable: a punctuator is any character');
}

function opens({ kind, text }) {
  return kind === 'template' ? text.endsWith('${') : kind === 'punctuator' && '([{'.includes(text);
}

/** What comes after a token. `frames` are the open brackets, this one's included afterwards. */
function after(token, before, frames, code) {
  const { kind, text } = token;
  const frame = frames.at(-1);
  if (kind === 'name') return afterName(token, before, frame, code);
  if (kind === 'template') {
    if (text[0] === '}') frames.pop();
    if (!opens(token)) return OPERATOR;
    frames.push({ isTemplate: true });
    return EXPRESSION;
  }
  if (kind !== 'punctuator') return OPERATOR;
  if (opens(token)) {
    const opened = openedBy(text, before, frame);
    frames.push(opened);
    if (opened.isBlock) return STATEMENT;
    return opened.hasKeys ? KEY : EXPRESSION;
  }
  if (')]}'.includes(text)) return frames.length > 1 ? frames.pop().afterwards : STATEMENT;
  return afterPunctuator(token, before, frame);
}

function afterName({ text, at, isMember }, before, frame, code) {
  if (isMember) return OPERATOR;
  if (text === 'function' || text === 'class') {
    // After an operand it is on a new line, and begins a statement.
    const isExpression = before.after === EXPRESSION && before.text !== 'default';
    frame.body = { isClass: text === 'class', afterwards: isExpression ? OPERATOR : STATEMENT };
  }
  if (text === 'async' && /^async[ \t]+function\b/.test(code.slice(at, at + 30))) {
    return before.text === 'default' ? STATEMENT : before.after;
  }
  if (BEFORE_EXPRESSION.has(text) || (text === 'of' && frame.isControl)) return EXPRESSION;
  return BEFORE_STATEMENT.has(text) ? STATEMENT : OPERATOR;
}

/** What a bracket opens; `afterwards` is what comes after the one that closes it. */
function openedBy(bracket, before, frame) {
  if (bracket === '[') return { afterwards: OPERATOR };
  if (bracket === '(') {
    const isControl = CONTROL.has(before.text) && !before.isMember;
    return { isControl, afterwards: isControl ? STATEMENT : OPERATOR };
  }
  const { body } = frame;
  frame.body = undefined;
  if (body) return { isBlock: !body.isClass, hasKeys: body.isClass, isClass: body.isClass, afterwards: body.afterwards };
  const isObject = before.after === EXPRESSION && before.text !== '=>';
  if (isObject) return { hasKeys: true, afterwards: OPERATOR };
  return { isBlock: true, afterwards: frame.isClass ? KEY : STATEMENT };
}

function afterPunctuator({ text, isOnNewLine }, before, frame) {
  if (text === ';') {
    frame.choices = 0;
    if (frame.isClass) return KEY;
    return frame.isBlock ? STATEMENT : EXPRESSION;
  }
  if (text === ',' && frame.hasKeys) return KEY;
  if (text === '?') frame.choices = (frame.choices ?? 0) + 1;
  if (text === ':' && frame.isBlock) {
    // Without a `?` it is that of `case` or of a label.
    if (!frame.choices) return STATEMENT;
    frame.choices--;
  }
  // On the same line as an operand they belong to it.
  if ((text === '++' || text === '--') && before.after === OPERATOR && !isOnNewLine) return OPERATOR;
  return EXPRESSION;
}
