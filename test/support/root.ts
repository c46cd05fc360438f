/** The repository. Compiled tests are not where their data are. */
export { PACKAGE_ROOT as ROOT } from '../../src/cli/version.js'
