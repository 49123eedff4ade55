import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderTemplate } from '../../src/text/jinja/template.ts';

/** Templates and what Python's Jinja 3.1.6 makes of them, as transformers sets it up (trimmed blocks, loop controls). */
const cases: Readonly<Record<string, readonly [template: string, expected: string][]>> = {
  'values print as in Python': [
    ['{{ true }} {{ false }} {{ none }} {{ 1.0 }} {{ 0.00001 }}', 'True False None 1.0 1e-05'],
    [
      "{{ [1, 'a', none, true] }} {{ {'a': 1, 'b': [2]} }} {{ (1, 2) }}",
      "[1, 'a', None, True] {'a': 1, 'b': [2]} (1, 2)",
    ],
    [`{{ ["it's", 'a"b', 'l\\nm'] }}`, `["it's", 'a"b', 'l\\nm']`],
    ["{{ {'a': [1, {'b': none}]}|string }} {{ none|string }} {{ 1|string + 'x' }}", "{'a': [1, {'b': None}]} None 1x"],
    ['{% set z %}q{{ true }}{% endset %}{{ z }}{% filter upper %}ab{{ none }}{% endfilter %}', 'qTrueABNONE'],
  ],
  '~ joins anything, % and format write text': [
    ["{{ 'a' ~ none ~ true ~ 1.5 ~ [1] }}", 'aNoneTrue1.5[1]'],
    ["{{ '%s has %d of %.2f %%'|format('x', 3, 1.005) }}", 'x has 3 of 1.00 %'],
    ["{{ '%s-%s' % ('a', 1) }} {{ '%(k)s' % {'k': 'v'} }} {{ '%05d|%-4s|' % (42, 'ab') }}", 'a-1 v 00042|ab  |'],
    ["{{ '{}-{}'.format(1, 'b') }} {{ '{1}{0}'.format('a','b') }} {{ '{x}'.format(x=3) }}", '1-b ba 3'],
    [
      "{{ '{:.2f}'.format(2) }} {{ '{{}}'.format() }} {{ '{:>4}|{:<4}|{:04d}'.format(1,'a',7) }}",
      '2.00 {}    1|a   |0007',
    ],
  ],
  'filters that select and count': [
    ["{{ [1,2,3,4]|reject('even')|list }} {{ ['a','']|reject|list }}", "[1, 3] ['']"],
    [
      "{{ [1,2,3]|sum }} {{ [{'n':1},{'n':2.5}]|sum(attribute='n') }} {{ []|sum }} {{ [1]|sum(start=10) }}",
      '6 3.5 0 11',
    ],
    [
      "{{ [{'r':'u'},{'r':'a'}]|rejectattr('r','in',['a'])|map(attribute='r')|list }} {{ none|selectattr('x')|list }}",
      "['u'] []",
    ],
    ["{{ [3,1,2]|min }} {{ [3,1,2]|max }} {{ []|first|default('e') }} {{ ['a','b']|map('upper')|join }}", '1 3 e AB'],
    [
      "{{ 2.5|round }} {{ {'a':1}|list }} {{ 'abc'|list }} {{ 'abc'|reverse }} {{ 'xxaxx'|trim('x') }}",
      "2.0 ['a'] ['a', 'b', 'c'] cba a",
    ],
  ],
  'integers are keys, and tuples unpack': [
    ["{% set d = {1: 'one', 2: 'two'} %}{{ d[1] }}{{ d.get(2) }}{{ d.get(3, 'no') }}{{ 1 in d }}", 'onetwonoTrue'],
    ['{% for k, v in {1: 2, 3: 4}.items() %}{{ k + v }};{% endfor %}', '3;7;'],
    ["{{ {2: 'b', 1: 'a'}|dictsort }} {{ {1: 2}|tojson }}", `[(1, 'a'), (2, 'b')] {"1": 2}`],
    ['{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }} {% endfor %}{% set x, y = (5, 6) %}{{ x + y }}', '12 34 11'],
  ],
  'what is undefined is nothing': [
    [
      '{% for x in missing %}x{% else %}none{% endfor %}{{ missing|length }}{{ missing|trim }}{{ missing|list }}',
      'none0[]',
    ],
    ["{{ missing|default('d') }}{{ missing|join(',') }}{{ missing|upper }}{{ 'yes' if false }}", 'd'],
  ],
  'arithmetic and equality are those of Python': [
    ["{{ 7 % 3 }} {{ -7 % 3 }} {{ 7 // 2 }} {{ 'ab' * 2 }}", '1 2 3 abab'],
    [
      "{{ [1] == [1] }} {{ {'a':1} == {'a':1} }} {{ 1 == 1.0 }} {{ none == false }} {{ 'a' < 'b' }} {{ [1] in [[1]] }}",
      'True True True False True True',
    ],
  ],
  'methods of text, lists and objects': [
    [
      "{{ 'xya'.lstrip('xy') }} {{ 'a-b-c'.rsplit('-', 1) }} {{ 'abc'.removeprefix('a').removesuffix('c') }}",
      "a ['a-b', 'c'] b",
    ],
    ["{{ 'a\\nb'.splitlines() }} {{ '12'.isdigit() }} {{ 'abc'.find('c') }}", "['a', 'b'] True 2"],
    // Python's own functions; transformers' sandbox alone forbids them, and published templates use them.
    ['{% set l = [1] %}{% set _ = l.append(2) %}{{ l }}{{ l.pop() }}{{ l }}', '[1, 2]2[1]'],
    ["{% set d = {'a': 1} %}{% set _ = d.update({'b': 2}) %}{{ d }}{{ d.pop('a') }}", "{'a': 1, 'b': 2}1"],
  ],
};

for (const [name, list] of Object.entries(cases)) {
  test(`templates: ${name}`, () => {
    for (const [template, expected] of list) assert.equal(renderTemplate(template, {}), expected, template);
  });
}

test('templates: variables, macros, loops and scopes work through the layer', () => {
  const template = `{%- macro turn(m, mark='#') -%}{{ mark }}{{ m.role }}:{{ m['content']|trim }}{% endmacro -%}
{%- set ns = namespace(users=0) -%}
{%- for m in messages if m.role != 'system' -%}
{%- if m.role == 'user' %}{% set ns.users = ns.users + 1 %}{% endif -%}
{{ turn(m) }}{{ '' if loop.last else '|' }}
{%- endfor %} {{ ns.users }}{% for i in range(3) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}`;
  const messages = [
    { role: 'system', content: 's' },
    { role: 'user', content: ' hi ' },
    { role: 'assistant', content: 'yo' },
  ];
  assert.equal(renderTemplate(template, { messages }), '#user:hi|#assistant:yo 101');
});

test('templates: failures say what the template did', () => {
  assert.throws(
    () => renderTemplate('{{ tools.describe(1) }}', { tools: [] }),
    /tools\.describe is undefined, and the template calls it/,
  );
  assert.throws(() => renderTemplate('{{ missing() }}', {}), /missing is undefined/);
  assert.throws(() => renderTemplate("{{ ['a']|sum }}", {}), /sum: found 'a', expected numbers/);
  assert.throws(() => renderTemplate("{{ '%d %d'|format(1) }}", {}), /has no value for %d/);
  assert.throws(() => renderTemplate("{{ raise_exception('roles must alternate') }}", {}), /roles must alternate/);
});
