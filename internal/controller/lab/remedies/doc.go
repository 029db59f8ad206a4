// Package remedies follows the remedies of findings that only a running controller makes, and checks that they end.
// cmd/lbc/testdata/remedies.yaml has the findings of lint and plan.
package remedies
