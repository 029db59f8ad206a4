package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front/admission"
	"github.com/k8s-lbc/lbc/internal/kube/addition"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// refusals are findings about class parameters, bindings and accelerators: the refusals and warnings of the webhooks at
// the creation, and what keeps bindings from being served whatever AWS holds. Plans of Ingresses and bindings have the
// same findings, and more.
func (o *lintOptions) refusals(src *source) []finding {
	v := objects.New(src.reader)
	var out []finding
	for _, p := range src.fromFiles {
		out = append(out, o.additions(v, p)...)
		switch x := p.object.(type) { // plans have those of Ingresses and Services
		case *v1beta1.IngressClassParams, *agav1beta1.GlobalAccelerator,
			*lbcgatewayv1.LoadBalancerConfiguration, *lbcgatewayv1.TargetGroupConfiguration,
			*lbcgatewayv1.ListenerRuleConfiguration:
			out = append(out, refusalsOf(p, admission.Tags(nil, x), diag.ReservedTag)...)
		}
		switch x := p.object.(type) {
		case *v1beta1.TargetGroupBinding:
			response := admission.Binding(v, admission.BindingConfig{VPC: o.config.VPC, Roles: o.config.Roles(),
				Bindable: o.config.AllowedTargetGroups(o.config.BindableTargetGroups)}, nil, x)
			out = append(out, refusalsOf(p, response, diag.InvalidBinding)...)
			for _, d := range unservable(v, x) {
				out = append(out, findingAt(p, d))
			}
			out = append(out, ofOtherAccount(p, x)...)
			if !bindingobject.OfStack(x.Labels) { // plans have those of stacks
				for _, d := range bindings.WideSources(o.config.AllowedNetworking(), x) {
					out = append(out, findingAt(p, d))
				}
			}
		case *v1beta1.IngressClassParams:
			out = append(out, refusalsOf(p, admission.ClassParams(nil, x), diag.InvalidIngressClass)...)
		case *agav1beta1.GlobalAccelerator:
			out = append(out, o.acceleratorFindings(src, p, x)...)
		}
	}
	return out
}

// additions are the findings of --existing-features-only.
func (o *lintOptions) additions(v *objects.View, p placed) (out []finding) {
	if !o.config.ExistingFeaturesOnly {
		return nil
	}
	kind, _ := objects.KindOf(p.object)
	tree, err := addition.Tree(p.object, string(kind))
	if err != nil {
		return nil // what was read from YAML has a form in JSON
	}
	ours := func(class string) bool { return settings.GatewayConfig(&o.config).ManagesNamed(v, class) }
	for _, u := range admission.Additions(nil, tree, ours) {
		out = append(out, findingAt(p, diag.New(owner.Object(p.object), u.Field, diag.AdditionInUse, u.Missing(),
			addition.Remedy)))
	}
	return out
}

// refusalsOf are the findings of the response of a webhook.
func refusalsOf(p placed, response admission.Response, code diag.Code) (out []finding) {
	switch {
	case response.Finding != nil:
		out = append(out, findingAt(p, *response.Finding))
	case response.Denied != "":
		out = append(out, refusal(p, severityError, code, response.Denied))
	}
	for _, w := range response.Warnings {
		out = append(out, refusal(p, severityWarning, code, w))
	}
	return out
}

// unservable are what keeps a binding from the endpoints of its Service, or its rules from having a meaning.
func unservable(v *objects.View, b *v1beta1.TargetGroupBinding) (found diag.List) {
	if svc, ok := objects.Lookup[*corev1.Service](v, objects.Service, b.Namespace, b.Spec.ServiceRef.Name); ok {
		if _, d := registrar.ServicePortOf(b, svc); d != nil {
			found = append(found, *d)
		}
	}
	if _, err := metav1.LabelSelectorAsSelector(b.Spec.NodeSelector); err != nil {
		found = append(found, registrar.InvalidSelector(b, err))
	}
	return append(found, networkingMistakes(b)...)
}

// ofOtherAccount are warnings about a binding whose role is not of the account of its target group.
func ofOtherAccount(p placed, b *v1beta1.TargetGroupBinding) []finding {
	group, role := awsclient.AccountOf(b.Spec.TargetGroupARN), awsclient.AccountOf(b.Spec.IamRoleArnToAssume)
	if group == "" || role == "" || group == role {
		return nil
	}
	f := findingAt(p, diag.New(bindingobject.BindingObject(b), "spec.iamRoleArnToAssume", diag.InvalidBinding, fmt.Sprintf(
		"the role is of account %s, and the target group of account %s: AWS registers targets only with a role of the "+
			"target group's account", role, group), "name a role of account "+group))
	f.Severity = severityWarning
	return []finding{f}
}

// networkingMistakes are what of the networking of a binding means nothing, whatever its pods and security groups are.
func networkingMistakes(b *v1beta1.TargetGroupBinding) (found diag.List) {
	if b.Spec.Networking == nil {
		return nil
	}
	note := func(path, text, remedy string) {
		found = append(found, diag.New(bindingobject.BindingObject(b), path, diag.InvalidNetworking, text, remedy))
	}
	if text, remedy := sgsync.TooMany(b.Spec.Networking); text != "" {
		note("spec.networking.ingress", text, remedy)
		return found
	}
	for i, rule := range b.Spec.Networking.Ingress {
		if len(rule.From) == 0 {
			note(fmt.Sprintf("spec.networking.ingress[%d].from", i), sgsync.Peerless, sgsync.PeerlessRemedy)
		}
		for j, peer := range rule.From {
			if _, err := sgsync.Permissions(sgsync.PeerOf(peer), "tcp", nil); err != nil {
				note(fmt.Sprintf("spec.networking.ingress[%d].from[%d]", i, j), err.Error(), sgsync.PeerRemedy)
			}
		}
		for j, port := range rule.Ports {
			if n := port.Port; n != nil && n.Type == intstr.Int && (n.IntVal < 1 || n.IntVal > 65535) {
				note(fmt.Sprintf("spec.networking.ingress[%d].ports[%d].port", i, j), fmt.Sprintf("port %d is not within 1 and "+
					"65535", n.IntVal), "correct the port")
			}
			if text, remedy := sgsync.NameWithoutPods(b, port); text != "" {
				note(fmt.Sprintf("spec.networking.ingress[%d].ports[%d].port", i, j), text, remedy)
			}
		}
	}
	return found
}

// unrepeated are findings without those that one of the others is, too: the rules of definitions are the webhooks'
// without these.
func unrepeated(found, others []finding) []finding {
	return slices.DeleteFunc(found, func(f finding) bool {
		return slices.ContainsFunc(others, func(o finding) bool {
			at := o.Field != "" && (o.Field == f.Field || strings.HasPrefix(f.Field, o.Field+"."))
			return o.File == f.File && o.Object == f.Object && (at || strings.Contains(f.Message, o.Message))
		})
	})
}

func findingAt(p placed, d diag.Diagnostic) finding {
	return finding{File: p.file, Line: p.line(d.Path), Severity: severityError, Object: d.Object.String(), Field: d.Path,
		Reason: string(d.Code), Message: d.Text, Remedy: d.Remedy}
}

// named is the first field that a refusal names.
var named = regexp.MustCompile(`\bspec(\.\w+(\[\d+\])?)+`)

func refusal(p placed, severity string, code diag.Code, text string) finding {
	kind, _ := objects.KindOf(p.object)
	o := diag.Object{Kind: string(kind), Namespace: p.object.GetNamespace(), Name: p.object.GetName()}
	field := named.FindString(text)
	return finding{File: p.file, Line: p.line(field), Severity: severity, Object: o.String(), Field: field,
		Reason: string(code), Message: text}
}
