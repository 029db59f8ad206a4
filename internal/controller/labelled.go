package controller

import (
	"context"
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// labelled is a client for objects that are the controller's own as a whole: they get the labels that users want on
// what it creates.
type labelled struct {
	client.Client
	labels map[string]string
}

// ownObjects is the client for ConfigMaps and Secrets of the controller.
func (w *Wiring) ownObjects() client.Client {
	return labelled{w.mgr.GetClient(), w.Config.ObjectLabels}
}

// Create implements client.Writer.
func (l labelled) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	l.label(o)
	return l.Client.Create(ctx, o, opts...)
}

// Update implements client.Writer.
func (l labelled) Update(ctx context.Context, o client.Object, opts ...client.UpdateOption) error {
	l.label(o)
	return l.Client.Update(ctx, o, opts...)
}

func (l labelled) label(o client.Object) {
	if len(l.labels) == 0 {
		return
	}
	all := maps.Clone(o.GetLabels())
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, l.labels)
	o.SetLabels(all)
}
