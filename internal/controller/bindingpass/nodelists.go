package bindingpass

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// nodeLists are the nodes, and those that each selector chooses. Passes share them until a node changes. The zero value
// is usable.
type nodeLists struct {
	watched bool // each event of a node is noted; else each pass lists the nodes

	mu    sync.Mutex
	nodes []*corev1.Node            // of the last list
	by    map[string]bindings.Nodes // by selector; nil = the nodes changed since
	// asked: the API server has listed the nodes since the start.
	asked bool
	// unproven is the error of the API server if it does not show whether nodes that the cache lacks have left. They stay
	// in nodes, and the API server is asked again at next.
	unproven error
	next     time.Time
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
	l.by = nil
}

// leave notes that a watch has shown the deletion of a node, which proves it. A list that lacks a node does not.
func (l *nodeLists) leave(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes = slices.DeleteFunc(slices.Clone(l.nodes), func(n *corev1.Node) bool { return n.Name == name })
}

// allNodes are all nodes. Of what does not matter to targets, they may show an earlier version.
func (b *Reconciler) allNodes(ctx context.Context) ([]*corev1.Node, error) {
	l := &b.nodeLists
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.list(ctx, b.nodeReader(), nil, b.Now())
	return l.nodes, err
}

// chosenNodes are the nodes that a selector chooses, among them the nodes of registered instances. unproven is the
// error of the API server if it does not show whether nodes that the cache lacks have left; these count as nodes.
func (b *Reconciler) chosenNodes(ctx context.Context, selector *metav1.LabelSelector, registered map[string]bool) (
	n bindings.Nodes, unproven, err error) {
	key, err := json.Marshal(selector)
	if err != nil {
		return n, nil, fmt.Errorf("reading a node selector: %w", err)
	}
	l := &b.nodeLists
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.list(ctx, b.nodeReader(), registered, b.Now()); err != nil {
		return n, nil, err
	}
	n, known := l.by[string(key)]
	if !known {
		n = bindings.ChooseNodes(l.nodes, selector, b.FailOpen)
		if l.by != nil {
			l.by[string(key)] = n
		}
	}
	return n, l.unproven, nil
}

// list lists the nodes, unless that was done since the last change. The lock is held.
func (l *nodeLists) list(ctx context.Context, reader reads.ConfirmingReader, registered map[string]bool,
	now time.Time) error {
	if l.by != nil && (l.unproven != nil && now.Before(l.next) || l.unproven == nil && !l.lacks(registered)) {
		return nil
	}
	var list corev1.NodeList
	if err := reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("reading the nodes: %w", err)
	}
	former := map[string]*corev1.Node{}
	for _, n := range l.nodes {
		former[n.Name] = n
	}
	if l.by = nil; l.watched {
		l.by = map[string]bindings.Nodes{}
	}
	l.nodes = make([]*corev1.Node, 0, len(list.Items))
	for i := range list.Items {
		delete(former, list.Items[i].Name)
		l.nodes = append(l.nodes, &list.Items[i])
	}
	if l.unproven = nil; reader.Live == nil || len(former) == 0 && !l.lacks(registered) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reads.LiveTimeout)
	defer cancel()
	if err := l.confirm(ctx, reader.Live); err != nil {
		l.unproven, l.next = fmt.Errorf("the cache lacks nodes, and reading them from the API server failed: %w", err),
			now.Add(pauseAfterList)
		l.nodes = slices.AppendSeq(l.nodes, maps.Values(former))
	}
	return nil
}

// lacks reports whether any registered instance may be of a node that the first list of the cache since the start did
// not have.
func (l *nodeLists) lacks(registered map[string]bool) bool {
	if l.asked || len(registered) == 0 {
		return false
	}
	missing := maps.Clone(registered)
	for _, n := range l.nodes {
		id, _ := registrar.InstanceID(n)
		delete(missing, id)
	}
	return len(missing) > 0
}

// confirm adds the nodes that the API server has and the cache lacks.
func (l *nodeLists) confirm(ctx context.Context, live client.Reader) error {
	var list corev1.NodeList
	if err := live.List(ctx, &list); err != nil {
		return err
	}
	has := map[string]bool{}
	for _, n := range l.nodes {
		has[n.Name] = true
	}
	for i := range list.Items {
		if !has[list.Items[i].Name] {
			l.nodes = append(l.nodes, &list.Items[i])
		}
	}
	l.asked = true
	return nil
}
