package main

import (
	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
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

// unservedAccelerators are findings about GlobalAccelerators, or parts of them, that have no effect with the flags of
// the controller and the load balancers that are planned.
func (o *lintOptions) unservedAccelerators(src *source, planned []offline.Result) (out []finding) {
	text, remedy := acceleratorsOff(&o.config)
	planner := offline.AcceleratorPlanner{Config: &o.config, Planned: planned}
	for _, p := range src.fromFiles {
		ga, ok := p.object.(*agav1beta1.GlobalAccelerator)
		if ok && o.config.ServesAccelerators() {
			for _, d := range planner.Ignored(objects.New(src.reader), ga) {
				x := findingAt(p, d)
				x.Severity = severityNote
				out = append(out, x)
			}
			continue
		}
		if ok {
			out = append(out, finding{File: p.file, Line: p.line(""), Severity: severityWarning, Object: nameOf(p.object),
				Reason: codeIgnoredKind, Message: text, Remedy: remedy})
		}
	}
	return out
}
