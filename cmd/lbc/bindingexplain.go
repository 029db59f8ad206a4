package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lbc/chain"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// bindingNames are the names of TargetGroupBindings on the command line.
var bindingNames = []string{"targetgroupbinding", "targetgroupbindings"}

// showBinding prints the explanation of a TargetGroupBinding.
func (o *explainOptions) showBinding(ctx context.Context, src *source, b *v1beta1.TargetGroupBinding,
	out io.Writer) error {
	if o.request != "" {
		return errors.New("--request: a TargetGroupBinding has no rules for requests; omit the flag, or explain the " +
			"Ingress, Service or Gateway whose load balancer is in front")
	}
	this := func(x *v1beta1.TargetGroupBinding) bool { return x.Namespace == b.Namespace && x.Name == b.Name }
	got, err := o.bindings(ctx, src, this, nil, true)
	if err != nil {
		return err
	}
	if len(got.All) != 1 {
		return fmt.Errorf("%s is not among the objects that were read", bindingobject.BindingObject(b))
	}
	x := &got.All[0]
	e := chain.Bound(boundInput(b, x))
	if o.format != "text" {
		err = o.encode(out, bindingExplanationKind, e)
	} else {
		_, err = io.WriteString(out, e.Text(o.colored(out)))
	}
	if err == nil && x.Diagnostics.HasErrors() {
		return exitInvalid
	}
	return err
}

// boundInput is what is explained of the plan of a binding.
func boundInput(written *v1beta1.TargetGroupBinding, b *offline.Binding) chain.BindingInput {
	in := chain.BindingInput{
		Object: written, Completed: b.Object.Spec, State: chain.BoundState(b.State), Own: b.Recorded,
		Diagnostics: b.Diagnostics,
		Group: chain.BoundGroup{
			Name: b.TargetGroupName(), ARN: b.Object.Spec.TargetGroupARN, Exists: b.TargetGroup.TargetGroupArn != nil,
			Port: aws.ToInt32(b.TargetGroup.Port), LoadBalancers: b.TargetGroup.LoadBalancerArns,
		},
	}
	in.Port = written.Spec.ServiceRef.Port.String()
	if b.OfStack() {
		in.Stack = "whose object does not exist"
		if b.Stack != (stack.Key{}) {
			in.Stack = b.Stack.String()
		}
	}
	if p := b.Port; p.Port != 0 {
		in.Port = fmt.Sprintf("%d → %s", p.Port, p.TargetPort.String())
		if t := b.Object.Spec.TargetType; t != nil && *t == v1beta1.TargetTypeInstance {
			in.Port = fmt.Sprintf("%d → node port %d", p.Port, p.NodePort)
		}
	}
	for _, j := range b.Endpoints {
		in.Endpoints = append(in.Endpoints, chain.BoundEndpoint{Target: j.Key(), Pod: j.Pod, Node: j.Node, Why: j.Why})
	}
	for _, h := range b.Health {
		in.Registered = append(in.Registered, chain.RegisteredTarget{Target: h.Key(), Health: h.State, Reason: h.Reason})
	}
	for _, t := range b.Register {
		in.Register = append(in.Register, t.Key())
	}
	for _, t := range b.Deregister {
		in.Deregister = append(in.Deregister, t.Key())
	}
	for _, g := range slices.Sorted(maps.Keys(b.Groups)) {
		missing := sgrules.Of(b.Missing[g])
		for _, p := range b.Groups[g] {
			in.Rules = append(in.Rules, chain.BoundRule{Group: g, Rule: offline.RuleText(p), Open: !missing.Admits(p)})
		}
	}
	return in
}
