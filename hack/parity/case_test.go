package parity

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1beta1"
)

type tree = map[string]any

// recorded is one case: objects, their edits, and what there was after each.
type recorded struct {
	name, namespace string
	objects         []tree
	edits           []edit // the first one, "create", does nothing
	after           []tree // per edit
}

// edit is a step of a case.
type edit struct {
	Step string `json:"step"`
	Do   []struct {
		Patch    string         `json:"patch"` // Kind/name
		With     []operation    `json:"with"`
		Annotate string         `json:"annotate"`
		ALB      map[string]any `json:"alb"`
	} `json:"do"`
}

// operation is one of JSON Patch; recorded cases add, replace and remove.
type operation struct {
	Op, Path string
	Value    any
}

func cases(t *testing.T) []recorded {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var out []recorded
	for _, f := range files {
		if !strings.HasPrefix(f, filepath.Join("testdata", "tgb")) { // bindings without a load balancer: see nodes_test.go
			out = append(out, read(t, f))
		}
	}
	return out
}

func read(t *testing.T, file string) recorded {
	t.Helper()
	area, name := filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".yaml")
	r := recorded{name: area + "/" + name, namespace: area[:1] + name, edits: []edit{{Step: "create"}}}
	r.objects = []tree{{"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": tree{"name": "alb"}, "spec": tree{"controller": "ingress.k8s.aws/alb"}}}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range strings.Split(string(text), "\n---\n") {
		var o tree
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if o["step"] == nil {
			o["metadata"].(tree)["namespace"] = r.namespace
			r.objects = append(r.objects, o)
			continue
		}
		var e edit
		if err := yaml.UnmarshalStrict([]byte(doc), &e); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		r.edits = append(r.edits, e)
	}
	text, err = os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var results struct{ Steps map[string]tree }
	if err := json.Unmarshal(text, &results); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for i, e := range r.edits {
		after, ok := results.Steps[fmt.Sprintf("%d %s", i, e.Step)]
		if !ok {
			t.Fatalf("%s: no result of step %d %s", file, i, e.Step)
		}
		r.after = append(r.after, after)
	}
	if len(results.Steps) != len(r.edits) {
		t.Fatalf("%s: %d results for %d steps", file, len(results.Steps), len(r.edits))
	}
	return r
}

// apply changes the objects as a step says.
func (r *recorded) apply(t *testing.T, e edit) {
	t.Helper()
	for _, d := range e.Do {
		for _, o := range d.With {
			r.patch(t, d.Patch, o)
		}
		if d.Annotate == "" {
			continue
		}
		annotations := r.object(t, d.Annotate)["metadata"].(tree)["annotations"].(tree)
		for k, v := range d.ALB {
			annotations["alb.ingress.kubernetes.io/"+k] = fmt.Sprint(v)
		}
	}
}

func (r *recorded) object(t *testing.T, ref string) tree {
	t.Helper()
	for _, o := range r.objects {
		if ref == fmt.Sprintf("%s/%s", o["kind"], o["metadata"].(tree)["name"]) {
			return o
		}
	}
	t.Fatalf("%s: no object %s", r.name, ref)
	return nil
}

func (r *recorded) patch(t *testing.T, ref string, o operation) {
	t.Helper()
	var at any = r.object(t, ref)
	put := func(any) {}
	keys := strings.Split(strings.TrimPrefix(o.Path, "/"), "/")
	for i, key := range keys {
		last := i == len(keys)-1
		switch here := at.(type) {
		case tree:
			if !last {
				put, at = func(v any) { here[key] = v }, here[key]
			} else if o.Op == "remove" {
				delete(here, key)
			} else {
				here[key] = o.Value
			}
		case []any:
			n, err := strconv.Atoi(key)
			if err != nil {
				t.Fatalf("%s: patch of %s: %v", r.name, o.Path, err)
			}
			switch {
			case !last:
				put, at = func(v any) { here[n] = v }, here[n]
			case o.Op == "add":
				put(slices.Insert(here, n, o.Value))
			case o.Op == "remove":
				put(slices.Delete(here, n, n+1))
			default:
				here[n] = o.Value
			}
		default:
			t.Fatalf("%s: patch of %s: nothing is at %s", r.name, o.Path, key)
		}
	}
}

// typed are the objects that a front end reads: with what their placeholders, ${kind:name}, stand for by names. A Service has
// the UID that is made of its name.
func (r *recorded) typed(t *testing.T, names map[string]string) []any {
	t.Helper()
	var pairs, out = []string{}, []any{}
	for id, name := range names {
		pairs = append(pairs, "$"+name, id)
	}
	filled := strings.NewReplacer(pairs...)
	for _, o := range r.objects {
		var into metav1.Object
		switch o["kind"] {
		case "Ingress":
			into = &networkingv1.Ingress{}
		case "IngressClass":
			into = &networkingv1.IngressClass{}
		case "IngressClassParams":
			into = &v1beta1.IngressClassParams{}
		case "Service":
			into = &corev1.Service{}
		case "Pod": // its endpoints belong to the bindings' part
			continue
		default:
			t.Fatalf("%s: unknown kind %s", r.name, o["kind"])
		}
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(filled.Replace(string(text))), into); err != nil {
			t.Fatalf("%s: %v: %s", r.name, err, text)
		}
		if s, ok := into.(*corev1.Service); ok {
			s.UID = uidOf(s.Namespace + "/" + s.Name)
		}
		out = append(out, into)
	}
	return out
}

// uidOf is the version 5 UUID of a name in the DNS namespace.
func uidOf(name string) types.UID {
	space := []byte{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	h := sha1.Sum(append(space, name...))
	b := h[:16]
	b[6], b[8] = b[6]&0x0f|0x50, b[8]&0x3f|0x80
	return types.UID(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}
