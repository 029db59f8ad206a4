package bindingpass

import (
	"context"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// ConfigMaps keeps, in a ConfigMap per binding, which targets of a group that is shared among clusters are this
// cluster's. It is read once per binding and life, past the cache, which would otherwise watch every ConfigMap of the
// cluster.
type ConfigMaps struct {
	Reader client.Reader
	Writer client.Client

	mu    sync.Mutex
	known map[stack.ID]bool // those of which this process knows that they exist
}

// Load implements registrar.RegisteredTargets.
func (c *ConfigMaps) Load(ctx context.Context, binding stack.ID) (keys []string, known bool, err error) {
	m := &corev1.ConfigMap{}
	err = c.Reader.Get(ctx, client.ObjectKey{Namespace: binding.Namespace, Name: naming.ClaimsConfigMap(binding.Name)}, m)
	switch {
	case absence.NotFound(err):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	c.mark(binding, true)
	return bindingobject.RecordedTargets(m), true, nil
}

// Save implements registrar.RegisteredTargets. The last writer wins, as there is one per binding.
func (c *ConfigMaps) Save(ctx context.Context, binding stack.ID, keys []string) error {
	m := &corev1.ConfigMap{Data: map[string]string{bindingobject.TargetsKey: strings.Join(keys, ",")}}
	m.Namespace, m.Name = binding.Namespace, naming.ClaimsConfigMap(binding.Name)
	err := c.Writer.Update(ctx, m)
	if apierrors.IsNotFound(err) {
		err = c.Writer.Create(ctx, m)
	}
	if err == nil {
		c.mark(binding, true)
	}
	return err
}

// Delete deletes what is kept for a binding.
func (c *ConfigMaps) Delete(ctx context.Context, binding stack.ID) error {
	m := &corev1.ConfigMap{}
	m.Namespace, m.Name = binding.Namespace, naming.ClaimsConfigMap(binding.Name)
	if err := client.IgnoreNotFound(c.Writer.Delete(ctx, m)); err != nil {
		return err
	}
	c.mark(binding, false)
	return nil
}

// Exists reports whether this process knows that something is kept for a binding.
func (c *ConfigMaps) Exists(binding stack.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[binding]
}

func (c *ConfigMaps) mark(binding stack.ID, kept bool) {
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
