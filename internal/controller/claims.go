package controller

import (
	"context"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// claimMaps keeps, in a ConfigMap per binding, which targets of a group that is shared among clusters are this cluster's. It
// is read once per binding and life, past the cache, which would otherwise watch every ConfigMap of the cluster.
type claimMaps struct {
	read  client.Reader
	write client.Client

	mu    sync.Mutex
	known map[stack.ID]bool // those of which this process knows that they exist
}

// claimsKey is the entry of the ConfigMap: targets, joined by commas.
const claimsKey = "targets"

// Load implements targets.Claims.
func (c *claimMaps) Load(ctx context.Context, binding stack.ID) (keys []string, known bool, err error) {
	m := &corev1.ConfigMap{}
	err = c.read.Get(ctx, client.ObjectKey{Namespace: binding.Namespace, Name: naming.ClaimsConfigMap(binding.Name)}, m)
	switch {
	case apierrors.IsNotFound(err):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	c.mark(binding, true)
	return strings.FieldsFunc(m.Data[claimsKey], func(r rune) bool { return r == ',' }), true, nil
}

// Save implements targets.Claims. The last writer wins, as there is one per binding.
func (c *claimMaps) Save(ctx context.Context, binding stack.ID, keys []string) error {
	m := &corev1.ConfigMap{Data: map[string]string{claimsKey: strings.Join(keys, ",")}}
	m.Namespace, m.Name = binding.Namespace, naming.ClaimsConfigMap(binding.Name)
	err := c.write.Update(ctx, m)
	if apierrors.IsNotFound(err) {
		err = c.write.Create(ctx, m)
	}
	if err == nil {
		c.mark(binding, true)
	}
	return err
}

// drop deletes what is kept for a binding.
func (c *claimMaps) drop(ctx context.Context, binding stack.ID) error {
	m := &corev1.ConfigMap{}
	m.Namespace, m.Name = binding.Namespace, naming.ClaimsConfigMap(binding.Name)
	if err := client.IgnoreNotFound(c.write.Delete(ctx, m)); err != nil {
		return err
	}
	c.mark(binding, false)
	return nil
}

// kept reports whether this process knows that something is kept for a binding.
func (c *claimMaps) kept(binding stack.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[binding]
}

func (c *claimMaps) mark(binding stack.ID, kept bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[stack.ID]bool{}
	}
	if kept {
		c.known[binding] = true
	} else {
		delete(c.known, binding)
	}
}
