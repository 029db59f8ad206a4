package main

import (
	"context"
	"io"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// showDeletion explains an object that is deleted: why it is still there, and what is left of its load balancer.
func (o *explainOptions) showDeletion(ctx context.Context, src *source, kind objects.Kind, object metav1.Object,
	out io.Writer) error {
	v := objects.New(src.reader)
	var keys []stack.Key
	for _, loader := range settings.Loaders(&o.config, true) {
		of, _ := front.StacksOf(loader, v, object)
		keys = append(keys, of...)
	}
	got, err := o.planner(src).Plans(ctx, v, func(k stack.Key) bool { return slices.Contains(keys, k) })
	if err != nil {
		return err
	}
	e := explain.Explanation{Object: owner.Object(object).String(), Members: []string{}}
	var plans []plan.Plan
	for _, r := range got.Stacks {
		e.Stack = r.Key.String()
		plans = append(plans, r.Plan)
	}
	e.Deletion = explain.Deleted(object, plans)
	return o.show(out, kind, explain.Part{Object: e.Object, Gateways: []explain.Explanation{e}})
}
