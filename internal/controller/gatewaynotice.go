package controller

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/lib/turns"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// gatewayVersion is the version of the Gateway API in which Gateways are read.
var gatewayVersion = schema.GroupVersion{Group: "gateway.networking.k8s.io", Version: "v1"}

// maxGatewayEvents bounds the events after a start. Beyond that, namespaces take turns.
const maxGatewayEvents = 20

// gatewayNotice reports at the start of the leader the Gateways of the controller's classes that are not served, as a
// gate is off. Their resources in AWS are not touched. Without the Gateway API, or the permission to list its objects,
// there is no report.
type gatewayNotice struct {
	controllers []string // that are not served, as classes name them
	reader      client.Reader
	namespace   string // empty = all
	record      reporting.Record
	log         logr.Logger
}

// unservedControllers are the controller names whose gate is off.
func unservedControllers(c *config.Config) (out []string) {
	for name, served := range map[string]bool{
		c.Gateways.ALB: c.Gates.Enabled(config.ALBGatewayAPI), c.Gateways.NLB: c.Gates.Enabled(config.NLBGatewayAPI),
		c.Gateways.Auto: c.ServesAutoGateways(),
	} {
		if !served {
			out = append(out, name)
		}
	}
	return out
}

// Start implements manager.Runnable.
func (n gatewayNotice) Start(ctx context.Context) error {
	if len(n.controllers) == 0 {
		return nil
	}
	gateways, err := n.unserved(ctx)
	if err != nil {
		n.log.V(1).Info("Gateways are not listed", "cause", err.Error())
		return nil
	}
	if len(gateways) == 0 {
		return nil
	}
	n.log.Info("Gateways are not served: the feature gate of their classes is off (ALBGatewayAPI, NLBGatewayAPI or "+
		"AutoGatewayAPI); their load balancers stay in AWS as they are",
		"gateways", len(gateways), "first", gateways[0].String())
	for _, o := range turns.Take(gateways, maxGatewayEvents, func(o diag.Object) string { return o.Namespace }) {
		n.record(o, reporting.Event{Type: corev1.EventTypeWarning, Reason: "GatewayNotServed",
			Message: "the controller's feature gate for Gateways of this class is off (ALBGatewayAPI, NLBGatewayAPI or " +
				"AutoGatewayAPI in --feature-gates): the load balancer of the Gateway stays in AWS as it is, and no change of " +
				"its listeners, routes or targets reaches it"})
	}
	return nil
}

// unserved are the Gateways whose class names a controller that is not served.
func (n gatewayNotice) unserved(ctx context.Context) ([]diag.Object, error) {
	classes, err := n.list(ctx, "GatewayClassList", "")
	if err != nil {
		return nil, err
	}
	ours := map[string]bool{}
	for _, c := range classes {
		name, _, _ := unstructured.NestedString(c.Object, "spec", "controllerName")
		ours[c.GetName()] = slices.Contains(n.controllers, name)
	}
	gateways, err := n.list(ctx, "GatewayList", n.namespace)
	if err != nil {
		return nil, err
	}
	var out []diag.Object
	for _, g := range gateways {
		if class, _, _ := unstructured.NestedString(g.Object, "spec", "gatewayClassName"); ours[class] {
			out = append(out, diag.Object{Kind: "Gateway", Namespace: g.GetNamespace(), Name: g.GetName(),
				UID: string(g.GetUID())})
		}
	}
	return out, nil
}

func (n gatewayNotice) list(ctx context.Context, kind, namespace string) ([]unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gatewayVersion.WithKind(kind))
	if err := n.reader.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing %s: %w", kind, err)
	}
	return list.Items, nil
}
