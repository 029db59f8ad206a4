package bindingpass

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

// nodeLists are the nodes, and those that each selector chooses. Passes share them until a node changes. The zero value
// is usable.
type nodeLists struct {
	watched bool // each event of a node is noted; else nothing is kept

	mu    sync.Mutex
	nodes []*corev1.Node
	by    map[string]bindings.Nodes // by selector
}

// nodeReader reads nodes. That there are none at all, only the API server proves.
func (b *Reconciler) nodeReader() reads.ConfirmingReader {
	return reads.ConfirmingReader{Cache: b.Client, Live: b.APIReader}
}

// note notes an event of a node. The cache shows the change already, so that passes after note read it.
func (l *nodeLists) note(c *nodeChange) {
	if c.before != nil && c.after != nil && SameForTargets(c.before, c.after) && !readdressed(c.before, c.after) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes, l.by = nil, nil
}

// all are all nodes. Of what does not matter to targets, they may show an earlier version.
func (l *nodeLists) all(ctx context.Context, reader reads.ConfirmingReader) ([]*corev1.Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.list(ctx, reader)
}

// chosen are the nodes that a selector chooses.
func (l *nodeLists) chosen(ctx context.Context, reader reads.ConfirmingReader, selector *metav1.LabelSelector,
	failOpen bool) (bindings.Nodes, error) {
	key, err := json.Marshal(selector)
	if err != nil {
		return bindings.Nodes{}, fmt.Errorf("reading a node selector: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	nodes, err := l.list(ctx, reader)
	if err != nil {
		return bindings.Nodes{}, err
	}
	n, known := l.by[string(key)]
	if !known {
		n = bindings.ChooseNodes(nodes, selector, failOpen)
		if l.by != nil {
			l.by[string(key)] = n
		}
	}
	return n, nil
}

// list lists the nodes, unless that was done since the last change. The lock is held.
func (l *nodeLists) list(ctx context.Context, reader reads.ConfirmingReader) ([]*corev1.Node, error) {
	if l.by != nil {
		return l.nodes, nil
	}
	var list corev1.NodeList
	if err := reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("reading the nodes: %w", err)
	}
	nodes := make([]*corev1.Node, 0, len(list.Items))
	for i := range list.Items {
		nodes = append(nodes, &list.Items[i])
	}
	if l.watched {
		l.nodes, l.by = nodes, map[string]bindings.Nodes{}
	}
	return nodes, nil
}
