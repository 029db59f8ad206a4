// Package findings keeps the table of diagnostic codes honest: every code has a class, a reason that events know and its row in the
// documentation, something produces it, and a test or golden file shows it. It has tests only.
package findings
