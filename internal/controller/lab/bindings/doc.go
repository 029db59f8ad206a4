// Package bindings has tests of TargetGroupBindings: their targets, spec, status and end.
package bindings
