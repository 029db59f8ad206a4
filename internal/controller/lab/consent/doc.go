// Package consent has tests of what the controller adopts, deletes, replaces or holds, and of who must agree to it.
package consent
