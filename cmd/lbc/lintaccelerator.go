package main

import (
	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/check"
)

// acceleratorFindings are the findings about a GlobalAccelerator: what its webhook refuses and warns of at the
// creation. The region of the built-in account does not count.
func (o *lintOptions) acceleratorFindings(src *source, p placed, ga *agav1beta1.GlobalAccelerator) (out []finding) {
	region := o.config.Region
	if src.builtIn {
		region = ""
	}
	for _, f := range check.Spec(&ga.Spec, ga.Namespace, region) {
		x := findingAt(p, f.Diagnostic(ga))
		if f.Uncertain {
			x.Severity = severityWarning
		}
		out = append(out, x)
	}
	return out
}

// unservedAccelerators are findings about GlobalAccelerators that have no effect with the flags of the controller.
func (o *lintOptions) unservedAccelerators(src *source) (out []finding) {
	if o.config.ServesAccelerators() {
		return nil
	}
	text, remedy := acceleratorsOff(&o.config)
	for _, p := range src.fromFiles {
		if _, ok := p.object.(*agav1beta1.GlobalAccelerator); ok {
			out = append(out, finding{File: p.file, Line: p.line(""), Severity: severityWarning, Object: nameOf(p.object),
				Reason: codeIgnoredKind, Message: text, Remedy: remedy})
		}
	}
	return out
}
