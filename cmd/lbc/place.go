package main

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// placed is an object with its file and node.
type placed struct {
	object metav1.Object
	former metav1.Object // of the cluster, in its place; nil = none
	file   string
	node   *yaml.Node // nil = not known
}

// name is an object's name in a file.
type name struct{ kind, namespace, name string }

// nodesOf are the objects in the text of a file.
func nodesOf(content []byte, namespace string) map[name]*yaml.Node {
	nodes := map[name]*yaml.Node{}
	for d := yaml.NewDecoder(bytes.NewReader(content)); ; {
		var doc yaml.Node
		if d.Decode(&doc) != nil {
			break // the end, or invalid YAML, which the decoding of objects reports
		}
		for _, n := range manifests(&doc) {
			ns := text(child(child(n, "metadata"), "namespace"))
			if ns == "" {
				ns = namespace
			}
			nodes[name{text(child(n, "kind")), ns, text(child(child(n, "metadata"), "name"))}] = n
		}
	}
	return nodes
}

// place finds the objects of a file in its text.
func place(file string, content []byte, namespace string, objs []metav1.Object) []placed {
	nodes := nodesOf(content, namespace)
	out := make([]placed, 0, len(objs))
	for _, o := range objs {
		kind, _ := objects.KindOf(o)
		ns := o.GetNamespace()
		if ns == "" {
			ns = namespace
		}
		out = append(out, placed{object: o, file: file, node: nodes[name{string(kind), ns, o.GetName()}]})
	}
	return out
}

// manifests are the objects of a document: itself, or the items of a list.
func manifests(doc *yaml.Node) []*yaml.Node {
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		doc = doc.Content[0]
	}
	if items := child(doc, "items"); items != nil && items.Kind == yaml.SequenceNode {
		return items.Content
	}
	return []*yaml.Node{doc}
}

func text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	return n.Value
}

// child is the value of a key of a mapping.
func child(n *yaml.Node, key string) *yaml.Node {
	if _, v := entry(n, key); v != nil {
		return v
	}
	return nil
}

func entry(n *yaml.Node, key string) (k, v *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// steps are the parts of a field path: a name, an index, or a key of annotations in brackets.
var steps = regexp.MustCompile(`[^.\[\]\s]+|\[[^\]]*\]`)

// line is the line of a field, or of the innermost parent that is present; 0 = not known.
func (p placed) line(path string) int {
	if p.node == nil {
		return 0
	}
	at, line := p.node, p.node.Line
	for _, step := range steps.FindAllString(path, -1) {
		var key, next *yaml.Node
		if step[0] == '[' {
			step = step[1 : len(step)-1]
		}
		if n, err := strconv.Atoi(step); err == nil && at.Kind == yaml.SequenceNode {
			if n >= len(at.Content) {
				return line
			}
			next = at.Content[n]
			key = next
		} else if at.Kind == yaml.SequenceNode {
			next = item(at, step)
			key = next
		} else {
			key, next = entry(at, step)
		}
		if next == nil {
			return line
		}
		at, line = next, key.Line
	}
	return line
}

// item is the item of a list that has a name: as the key of an attribute, or as a protocolPort.
func item(list *yaml.Node, name string) *yaml.Node {
	for _, n := range list.Content {
		for _, key := range []string{"protocolPort", "key", "name"} {
			if text(child(n, key)) == name {
				return n
			}
		}
	}
	return nil
}

// declaring returns the object whose field a diagnostic is about: the one that its path names, else its own.
func declaring(all []placed, d diag.Diagnostic) (placed, bool) {
	if _, other, ok := strings.Cut(d.Path, " of "); ok {
		for _, p := range all {
			if nameOf(p.object) == other {
				return p, true
			}
		}
	}
	return find(all, d.Object)
}

// find returns the object of a diagnostic.
func find(all []placed, o diag.Object) (placed, bool) {
	for _, p := range all {
		kind, _ := objects.KindOf(p.object)
		if string(kind) == o.Kind && p.object.GetName() == o.Name && p.object.GetNamespace() == o.Namespace {
			return p, true
		}
	}
	return placed{}, false
}
