// Package cmpopts stands in for github.com/google/go-cmp/cmp/cmpopts in the playground's module. Package cmp tells why.
package cmpopts

import "github.com/google/go-cmp/cmp"

// EquateErrors makes two errors equal if one of them wraps the other.
func EquateErrors() cmp.Option { return cmp.EquateErrors{} }
