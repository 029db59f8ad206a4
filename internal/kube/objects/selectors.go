package objects

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Selects reports whether a Service selects pods with these labels. A Service without a selector selects none.
func Selects(svc *corev1.Service, pod map[string]string) bool {
	return len(svc.Spec.Selector) > 0 && labels.SelectorFromSet(svc.Spec.Selector).Matches(labels.Set(pod))
}

// SelectorParts counts the labels, expressions and values of a selector. Each node may be compared with all of them.
func SelectorParts(s *metav1.LabelSelector) int {
	if s == nil {
		return 0
	}
	n := len(s.MatchLabels) + len(s.MatchExpressions)
	for i := range s.MatchExpressions {
		n += len(s.MatchExpressions[i].Values)
	}
	return n
}

// SelectingReader is a Reader with an index of Services by their selectors.
type SelectingReader interface {
	// Selecting returns the names of the Services of a namespace that may select pods with labels. ok is false if the
	// index does not know all Services yet.
	Selecting(namespace string, pod map[string]string) (names []string, ok bool)
}

// ServicesOfPod returns the Services that select a pod, sorted by name.
func (v *View) ServicesOfPod(pod *corev1.Pod) []*corev1.Service {
	candidates, ok := v.selecting(pod)
	if !ok {
		candidates = v.Services(pod.Namespace)
	}
	return slices.DeleteFunc(candidates, func(s *corev1.Service) bool { return !Selects(s, pod.Labels) })
}

// selecting reads the Services that the Reader's index names for a pod. ok is false without such an index.
func (v *View) selecting(pod *corev1.Pod) (out []*corev1.Service, ok bool) {
	r, ok := v.reader.(SelectingReader)
	if !ok {
		return nil, false
	}
	names, ok := r.Selecting(pod.Namespace, pod.Labels)
	if !ok {
		return nil, false
	}
	v.reads[Read{Kind: Service, Namespace: pod.Namespace}] = true // any new Service may select the pod
	slices.Sort(names)
	for _, name := range names {
		if svc, found := v.Service(pod.Namespace, name); found {
			out = append(out, svc)
		}
	}
	return out, true
}

// Selectors is an index of Services by their selectors. The cost of a lookup depends on the pod's labels and on the
// Services that select the pod, not on the other Services. It is safe for concurrent use.
type Selectors struct {
	mu         sync.RWMutex
	namespaces map[string]*selectorNode
	selectors  map[identity]map[string]string // of the Services in the index
}

// selectorNode is a node of a tree of selectors: its path from the root holds pairs of labels, sorted by key. Services
// are at the node whose path is their selector, or its first pairs. A lookup visits only nodes whose whole path is
// among the pod's labels, so that a pair which many Services have in common costs one step.
type selectorNode struct {
	services []string
	children map[labelPair]*selectorNode
}

type labelPair struct{ key, value string }

// mostPairs is how many pairs of a selector are in the index: a tenant's Service may have a hundred thousand, each of
// which would be a node.
const mostPairs = 16

// path is the path of a selector.
func path(selector map[string]string) []labelPair {
	all := pairs(selector)
	return all[:min(len(all), mostPairs)]
}

// pairs are labels, sorted by key.
func pairs(set map[string]string) []labelPair {
	out := make([]labelPair, 0, len(set))
	for key, value := range set {
		out = append(out, labelPair{key, value})
	}
	slices.SortFunc(out, func(a, b labelPair) int { return cmp.Compare(a.key, b.key) })
	return out
}

// Put adds a Service, or replaces its selector.
func (s *Selectors) Put(svc *corev1.Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := identity{svc.Namespace, svc.Name}
	if before, known := s.selectors[id]; known && maps.Equal(before, svc.Spec.Selector) {
		return
	}
	s.delete(id)
	if len(svc.Spec.Selector) == 0 {
		return
	}
	if s.namespaces == nil {
		s.namespaces, s.selectors = map[string]*selectorNode{}, map[identity]map[string]string{}
	}
	s.selectors[id] = svc.Spec.Selector
	node := s.namespaces[id.namespace]
	if node == nil {
		node = &selectorNode{}
		s.namespaces[id.namespace] = node
	}
	for _, p := range path(svc.Spec.Selector) {
		next := node.children[p]
		if next == nil {
			next = &selectorNode{}
			if node.children == nil {
				node.children = map[labelPair]*selectorNode{}
			}
			node.children[p] = next
		}
		node = next
	}
	node.services = append(node.services, id.name)
}

// Delete removes a Service.
func (s *Selectors) Delete(namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delete(identity{namespace, name})
}

func (s *Selectors) delete(id identity) {
	selector, known := s.selectors[id]
	if !known {
		return
	}
	delete(s.selectors, id)
	root := s.namespaces[id.namespace]
	if root.remove(path(selector), id.name) {
		delete(s.namespaces, id.namespace)
	}
}

// remove removes a Service from the node at the end of a path. empty reports that the node holds nothing any longer.
func (n *selectorNode) remove(path []labelPair, service string) (empty bool) {
	if len(path) == 0 {
		n.services = slices.DeleteFunc(n.services, func(name string) bool { return name == service })
	} else if child := n.children[path[0]]; child != nil && child.remove(path[1:], service) {
		delete(n.children, path[0])
	}
	return len(n.services) == 0 && len(n.children) == 0
}

// Of returns the names of the Services of a namespace that may select pods with labels, unordered: of long selectors,
// Of compares the first pairs.
func (s *Selectors) Of(namespace string, pod map[string]string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	root := s.namespaces[namespace]
	if root == nil {
		return nil
	}
	return root.find(pairs(pod), nil)
}

func (n *selectorNode) find(left []labelPair, found []string) []string {
	found = append(found, n.services...)
	if len(n.children) < len(left) {
		for p, child := range n.children {
			if i, has := sort.Find(len(left), func(i int) int { return cmp.Compare(p.key, left[i].key) }); has && left[i] == p {
				found = child.find(left[i+1:], found)
			}
		}
		return found
	}
	for i, p := range left {
		if child := n.children[p]; child != nil {
			found = child.find(left[i+1:], found)
		}
	}
	return found
}

// Len returns the number of Services in the index.
func (s *Selectors) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.selectors)
}
