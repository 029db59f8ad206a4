// Package remedies follows the remedies of findings that only a running controller makes, and sees the findings go.
// cmd/lbc/testdata/remedies.yaml has the findings of lint and plan.
package remedies
