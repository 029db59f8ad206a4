package parity

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/parity/recorded"
	"github.com/k8s-lbc/lbc/playground/harness"
)

type tree = recorded.Tree

// play is a case as it is played in a cluster.
type play struct {
	*recorded.Case
	manifests []string // of the objects, with placeholders
	pods      []string // names, in the order of their recorded addresses
	after     []state  // per edit
}

// state is what the record has of a moment, as far as it is compared here.
type state struct {
	AWS struct {
		TargetGroups map[string]struct {
			Tags    map[string]string
			Targets []string
		}
	}
	Kube   map[string]tree
	Events map[string][]string
}

func read(t *testing.T, file string) *play {
	t.Helper()
	c, err := recorded.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	r := &play{Case: c, after: make([]state, len(c.After))}
	for _, o := range c.Objects {
		if o["kind"] == "Pod" {
			r.pods = append(r.pods, o["metadata"].(tree)["name"].(string))
		}
		text, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		r.manifests = append(r.manifests, string(text))
	}
	for i, raw := range c.After {
		if err := json.Unmarshal(raw, &r.after[i]); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return r
}

var bound = regexp.MustCompile(`@\{tg:([^}]+)\}`)

// targetGroups are those that the manifests name and the user makes.
func (r *play) targetGroups() map[string]bool {
	out := map[string]bool{}
	for _, m := range bound.FindAllStringSubmatch(strings.Join(r.manifests, ""), -1) {
		out[m[1]] = true
	}
	return out
}

// filled is the manifest of the case, with what its placeholders stand for.
func (r *play) filled(t *testing.T, c *harness.Cluster) string {
	t.Helper()
	text := "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + r.Namespace + "}\n---\n" +
		strings.Join(r.manifests, "---\n")
	held := c.Simulator.Resources()
	for _, g := range held.SecurityGroups {
		text = strings.ReplaceAll(text, "${sg:"+g.Tags["Name"]+"}", g.ID)
	}
	for _, g := range held.TargetGroups {
		text = strings.ReplaceAll(text, "@{tg:"+g.Name+"}", g.ARN)
	}
	for _, cert := range held.Certificates {
		_, name, _ := strings.Cut(cert.ARN[strings.LastIndex(cert.ARN, "/")+1:], "-")
		text = strings.ReplaceAll(text, "${cert:"+name+"}", cert.ARN)
	}
	return text
}

// apply makes an edit.
func (r *play) apply(t *testing.T, c *harness.Cluster, e recorded.Edit) {
	t.Helper()
	for _, d := range e.Do {
		if d.With != nil {
			patch, err := json.Marshal(d.With)
			if err != nil {
				t.Fatal(err)
			}
			c.Kubectl(t, "patch", "-n", r.Namespace, d.Patch, "--type=json", "-p", string(patch))
		}
		for k, v := range d.ALB {
			c.Kubectl(t, "annotate", "-n", r.Namespace, "--overwrite", d.Annotate,
				fmt.Sprintf("alb.ingress.kubernetes.io/%s=%v", k, v))
		}
	}
}
