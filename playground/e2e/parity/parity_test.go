// Package parity runs the recorded cases of the existing controller, internal/parity's, on a real API server with pods, and
// compares what internal/parity cannot see: registered targets, events, addresses, and TargetGroupBindings as they are
// stored, with labels, annotations, finalizers and spec. Names are compared without their hashes, which contain UIDs;
// internal/parity compares those.
package parity

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/parity/recorded"
	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) {
	harness.Parallel(10)
	harness.Main(m)
}

// records are the recorded cases.
const records = "../../../internal/parity/testdata"

// difference is one on purpose.
type difference struct {
	cases  string // pattern of cases, as path.Match takes it
	key    string // pattern of keys of the picture, likewise
	reason string // as docs/differences.md gives it
}

var differences = []difference{
	{"*/*", "TargetGroupBinding * annotations", "The annotations `elbv2.k8s.aws/checkpoint` and `checkpoint-timestamp` " +
		"are not written"},
	{"bad/008-group-one-bad-member", "event Ingress/bad Warning BackendNotFound: *",
		"A problem is an event on the object that causes it. The event names the field and the remedy."},
	{"ingress/*", "event Ingress/web Normal Note: no request reaches this rule *",
		"A problem is an event on the object that causes it. The event names the field and the remedy."},
	{"ingress/*", "event Ingress/* Normal Note: attribute * has no effect without *",
		"attributes of load balancers, target groups and listeners that have no effect because of another setting"},
	// With its webhooks on, the existing controller fills in the same; the cases were recorded without.
	{"tgb/004-networking", "TargetGroupBinding t004 spec",
		"the controller fills in the fields that follow from the target group"},
}

// account is the recorded one with a node for the pods; the same file for each run of the test, which share a
// playground.
var account = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(filepath.Join(records, "account.yaml"))
	if err != nil {
		return "", err
	}
	const bare = "cluster: {name: lab}"
	if !strings.Contains(string(text), bare) {
		return "", fmt.Errorf("the account has no %q", bare)
	}
	with := strings.Replace(string(text), bare, "cluster:\n  name: lab\n  podCIDRs: [172.31.64.0/20]\n  nodes: [{name: "+
		"node-0, instance: i-01ab0000, zone: us-west-2a}]", 1)
	dir, err := os.MkdirTemp("", "parity-account-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "account.yaml")
	return file, os.WriteFile(file, []byte(with), 0o600)
})

// TestEveryRecordedCaseLooksTheSameInTheCluster shows that the running controller leaves objects,
// events and AWS as the existing controller was recorded to, case by case. It takes each case
// through its edits. Each difference from the existing controller is listed, and what is listed
// occurs.
func TestEveryRecordedCaseLooksTheSameInTheCluster(t *testing.T) {
	t.Parallel()
	file, err := account()
	if err != nil {
		t.Fatal(err)
	}
	c := harness.Start(t, harness.Options{
		Account: file, Policy: harness.Standard,
		ExtraArgs: []string{"--binding-networking=*"}, // as the existing controller, which made the records
	})
	c.Apply(t, "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: alb}\nspec: {controller: "+
		"ingress.k8s.aws/alb}\n")
	files, err := recorded.Files(records)
	if err != nil {
		t.Fatal(err)
	}
	met := make(chan int, 10_000)
	var played atomic.Int32
	t.Run("cases", func(t *testing.T) {
		chosen := sample.OneOf(3)
		for _, f := range files {
			if !chosen.Next() {
				continue
			}
			r := read(t, f)
			t.Run(r.Name, func(t *testing.T) {
				t.Parallel()
				played.Add(1)
				r.run(t, c, met)
			})
		}
	})
	close(met)
	occurs := map[int]bool{}
	for i := range met {
		occurs[i] = true
	}
	for i, d := range differences {
		if all := int(played.Load()) == len(files); all && !occurs[i] && !t.Failed() { // not of cases that -run chose
			t.Errorf("%s of %s is listed as a difference but is none", d.key, d.cases)
		}
	}
}

// run applies the objects and then each edit, and waits until all is as it was recorded.
func (r *play) run(t *testing.T, c *harness.Cluster, met chan<- int) {
	r.prepare(t, c)
	c.Apply(t, r.filled(t, c))
	for i, e := range r.Edits {
		r.apply(t, c, e)
		want := r.wanted(i)
		var listed []int
		c.WaitFor(t, fmt.Sprintf("%s after %q", r.Name, e.Step), func(ctx context.Context) error {
			have, err := r.picture(ctx, c)
			if err != nil {
				return err
			}
			listed = nil
			var differ []string
			for _, key := range slices.Sorted(maps.Keys(union(want, have))) {
				if want[key] == have[key] {
					continue
				}
				if i := r.listed(t, key); i >= 0 {
					listed = append(listed, i)
					continue
				}
				differ = append(differ, fmt.Sprintf("%s\n\ttoday %s\n\tours  %s", key, want[key], have[key]))
			}
			if differ != nil {
				return fmt.Errorf("it differs:\n%s", strings.Join(differ, "\n"))
			}
			return nil
		})
		for _, i := range listed {
			met <- i
		}
	}
}

func union(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// listed is the entry of a difference on purpose, -1 if there is none.
func (r *play) listed(t *testing.T, key string) int {
	for i, d := range differences {
		inCase, err := path.Match(d.cases, r.Name)
		if err != nil {
			t.Fatal(err)
		}
		here, err := path.Match(strings.ReplaceAll(d.key, "/", "~"), strings.ReplaceAll(key, "/", "~"))
		if err != nil {
			t.Fatal(err)
		}
		if inCase && here {
			return i
		}
	}
	return -1
}

// prepare makes what users made in AWS before: the target group of a case that binds one.
func (r *play) prepare(t *testing.T, c *harness.Cluster) {
	t.Helper()
	for name := range r.targetGroups() {
		made, err := c.Simulator.Balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
			Name: &name, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String("vpc-01ab0001"),
			TargetType: types.TargetTypeEnumIp,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { // after the binding is gone
			if _, err := c.Simulator.Balancing.DeleteTargetGroup(context.Background(), &elb.DeleteTargetGroupInput{
				TargetGroupArn: made.TargetGroups[0].TargetGroupArn}); err != nil {
				t.Error(err)
			}
		})
	}
}
