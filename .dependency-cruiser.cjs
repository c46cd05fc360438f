// Imports run one way, in the order a byte travels. Each folder may use those before it, and nothing else.
const allowed = {
  base: [],
  crypto: ['base'],
  noise: ['base', 'crypto'],
  packet: ['base', 'crypto', 'noise'],
  frame: ['base', 'crypto', 'packet'],
  session: ['base', 'crypto', 'noise', 'packet', 'frame'],
  endpoint: ['base', 'crypto', 'noise', 'packet', 'frame', 'session'],
  presence: ['base', 'crypto', 'frame', 'packet'],
  ring: ['base', 'crypto', 'frame', 'packet'],
  hub: ['base', 'crypto', 'frame', 'packet', 'endpoint', 'presence', 'ring'],
  webhook: ['base'],
  native: ['base', 'crypto'],
  sandbox: ['base', 'crypto', 'frame', 'packet', 'endpoint', 'presence', 'ring', 'hub'],
  store: ['base', 'crypto', 'native', 'endpoint', 'hub'],
  sidecar: ['base', 'packet', 'hub', 'sandbox', 'webhook', 'store'],
  delivery: ['base', 'webhook'],
  appservice: ['base', 'webhook'],
  io: [
    'base',
    'crypto',
    'native',
    'endpoint',
    'hub',
    'sandbox',
    'webhook',
    'store',
    'sidecar',
    'delivery',
    'packet',
    'session',
  ],
  client: ['base', 'crypto', 'noise', 'packet', 'frame', 'session'],
  sim: ['base', 'crypto', 'noise', 'packet', 'frame', 'session', 'endpoint', 'presence', 'ring', 'hub', 'client'],
  cli: ['base', 'crypto', 'packet', 'endpoint', 'hub', 'webhook', 'store', 'sidecar', 'appservice', 'io', 'client'],
}
const pure = 'base|crypto|noise|packet|frame|session|endpoint|presence|ring|hub|sandbox|webhook|sim'

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(allowed).map(([folder, uses]) => ({
      name: `${folder}-uses-only`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: { path: '^src/', pathNot: `^src/(${[folder, ...uses].join('|')})/` },
    })),
    {
      name: 'pure-has-no-node',
      severity: 'error',
      from: { path: `^src/(${pure}|client)/`, pathNot: '^src/client/node/|^src/sim/main' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'src-never-imports-test',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
