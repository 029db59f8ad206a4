package main

import (
	"regexp"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/admission"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/objects"
)

// refusals are the refusals and warnings of the webhooks at the creation of class parameters and bindings, which plans do not cover.
// Plans of Ingresses have the same findings, and more.
func refusals(src *source, vpc string) []finding {
	v := objects.New(src.reader)
	var out []finding
	for _, p := range src.fromFiles {
		var responses []admission.Response
		code := diag.InvalidBinding
		switch x := p.object.(type) {
		case *v1beta1.TargetGroupBinding:
			responses = []admission.Response{admission.CompleteBinding(nil, x), admission.Binding(v, vpc, nil, x)}
		case *v1beta1.IngressClassParams:
			code = diag.InvalidIngressClass
			responses = []admission.Response{admission.ClassParams(nil, x)}
		}
		for _, response := range responses {
			if response.Denied != "" {
				out = append(out, refusal(p, severityError, code, response.Denied))
				break // the second one would repeat it
			}
			for _, w := range response.Warnings {
				out = append(out, refusal(p, severityWarning, code, w))
			}
		}
	}
	return out
}

// named is the first field that a refusal names.
var named = regexp.MustCompile(`\bspec(\.\w+(\[\d+\])?)+`)

func refusal(p placed, severity string, code diag.Code, text string) finding {
	kind, _ := objects.KindOf(p.object)
	o := diag.Object{Kind: string(kind), Namespace: p.object.GetNamespace(), Name: p.object.GetName()}
	field := named.FindString(text)
	return finding{File: p.file, Line: p.line(field), Severity: severity, Object: o.String(), Field: field, Code: string(code), Text: text}
}
