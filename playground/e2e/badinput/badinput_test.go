// Package badinput shows end to end what users get for mistakes: an event on the object where the mistake is, which
// describes what, where, why and what to do; nothing for their neighbours; and service as soon as the mistake is
// corrected.
package badinput

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) {
	harness.Parallel(8)
	harness.Main(m)
}

// mistake is one row: what a user wrote, the event about it, and the correction.
type mistake struct {
	name string // also the namespace; its first eight characters are unique among all rows
	// bad is applied beside a backend "web"; good replaces it.
	bad, good func(namespace string) string

	kind, object string // that the event is about; empty: Ingress web
	reason       string // of the event
	warning      bool   // else the event is only a note
	refused      bool   // at admission: there is no event; bad is applied again after good
	contains     []string
	serves       bool // the mistake does not keep the Ingress from answering 200
	status       int  // that the Ingress answers while the mistake lasts, 0: nothing asked
}

const neighbour = "neighbour"

// start has the neighbour served, under constant traffic until everything else in the test is over.
func start(t *testing.T) *harness.Cluster {
	t.Helper()
	c := harness.Start(t, harness.Options{Account: "account.yaml"})
	c.Apply(t, scene.Namespace(neighbour, 1)+scene.Ingress(neighbour, "web", scene.Class, scene.Annotations{
		"target-type": "ip"}))
	url := "http://" + c.IngressAddress(t, neighbour, "web") + "/"
	c.WaitGet(t, url, "", 200, "web")
	c.WaitHealthy(t, c.LoadBalancer(t, strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")))
	scene.WaitSuccess(t, c, neighbour, "web", 0)
	mark := c.Mark()
	traffic := scene.Send(t, c, url, "", scene.OK)
	t.Cleanup(func() {
		if tally := traffic.Stop(); tally.Failed > 0 || tally.Requests == 0 {
			t.Errorf("the neighbour's traffic: %s", tally)
		}
		if w := scene.Writes(c, mark, scene.Marks(neighbour)...); len(w) > 0 {
			t.Errorf("written about the neighbour:\n%s", strings.Join(w, "\n"))
		}
	})
	return c
}

// TestBadInput shows that no mistake of users or state of AWS, of a hundred, affects one neighbour
// that is served meanwhile.
func TestBadInput(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a hundred rows, whose texts golden cases show, too")
	}
	t.Parallel()
	c := start(t)
	t.Run("beside a neighbour", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *harness.Cluster){
			"mistakes are reported where they are and heal when corrected":                     mistakesHeal,
			"mistakes in TargetGroupBindings are reported and heal when corrected":             bindingsHeal,
			"members of a group that claim different values get an event, and both are served": conflictsAreReported,
			"refusals of AWS are reported with their remedy and heal when they end":            refusalsHeal,
			"throttling brings no warning and causes no storm":                                 throttlingCausesNoStorm,
			"what is corrected in AWS heals within a minute or so":                             tagsHeal,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, c)
			})
		}
	})
}

func mistakesHeal(t *testing.T, c *harness.Cluster) {
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.play(t, c)
		})
	}
}

func (m mistake) play(t *testing.T, c *harness.Cluster) {
	t.Helper()
	if m.kind == "" {
		m.kind, m.object = "Ingress", "web"
	}
	if m.refused {
		m.playRefused(t, c)
		return
	}
	c.Apply(t, scene.Namespace(m.name, 1)+m.bad(m.name))
	want := corev1.EventTypeNormal
	if m.warning {
		want = corev1.EventTypeWarning
	}
	e := c.WaitEvent(t, m.kind, m.name, m.object, m.reason)
	t.Logf("%s %s: %s", e.Type, e.Reason, e.Message)
	if e.Type != want {
		t.Errorf("it is a %s event, want %s", e.Type, want)
	}
	for _, s := range m.contains {
		if !strings.Contains(e.Message, s) {
			t.Errorf("the message has no %q", s)
		}
	}
	if m.serves {
		m.status = 200
	}
	if m.status != 0 {
		c.WaitGet(t, "http://"+c.IngressAddress(t, m.name, "web")+"/", "", m.status, "")
	}
	if all := scene.Warnings(t, c, m.name); len(all) != 1 {
		t.Errorf("there are several warnings:\n%s", strings.Join(all, "\n"))
	}
	c.Apply(t, m.good(m.name)) // some of it may not have been there before
	served(t, c, m.name)
	c.WaitEvent(t, m.kind, m.name, m.object, "SuccessfullyReconciled")
}

func (m mistake) playRefused(t *testing.T, c *harness.Cluster) {
	t.Helper()
	c.Apply(t, scene.Namespace(m.name, 1))
	out := c.ApplyRefused(t, m.bad(m.name))
	t.Log(out)
	for _, s := range m.contains {
		if !strings.Contains(out, s) {
			t.Errorf("the message has no %q", s)
		}
	}
	c.Apply(t, m.good(m.name))
	c.Apply(t, m.bad(m.name))
	served(t, c, m.name)
	if all := scene.Warnings(t, c, m.name); len(all) != 0 {
		t.Errorf("there are warnings:\n%s", strings.Join(all, "\n"))
	}
}

// served waits until what the row calls web, an Ingress or a Service of type LoadBalancer, answers 200.
func served(t *testing.T, c *harness.Cluster, namespace string) {
	t.Helper()
	c.WaitFor(t, "200 from the load balancer in "+namespace, func(ctx context.Context) error {
		host, err := address(ctx, c, namespace)
		if err != nil {
			return err
		}
		var errs []error
		for _, url := range []string{"http://" + host + "/", "https://" + host + "/"} {
			r, err := c.Get(ctx, url, "")
			if err == nil && r.Status == 200 && r.Pod.Service == "web" {
				return nil
			}
			errs = append(errs, err, fmt.Errorf("%s: %d from service %q: %.200s", url, r.Status, r.Pod.Service, r.Body))
		}
		return errors.Join(errs...)
	})
}

func address(ctx context.Context, c *harness.Cluster, namespace string) (string, error) {
	i, err := c.Client.NetworkingV1().Ingresses(namespace).Get(ctx, "web", metav1.GetOptions{})
	if err == nil && len(i.Status.LoadBalancer.Ingress) > 0 {
		return i.Status.LoadBalancer.Ingress[0].Hostname, nil
	}
	s, err := c.Client.CoreV1().Services(namespace).Get(ctx, "balanced", metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if len(s.Status.LoadBalancer.Ingress) == 0 {
		return "", fmt.Errorf("no address yet")
	}
	return s.Status.LoadBalancer.Ingress[0].Hostname, nil
}

// tagsHeal corrects a mistake by an edit in AWS, which is no event for the controller: it looks once a minute.
func tagsHeal(t *testing.T, c *harness.Cluster) {
	const ns = "tagslate"
	c.Apply(t, scene.Namespace(ns, 1)+scene.IngressClass(ns, `{subnets: {tags: {balancers: ["yes"]}}}`)+
		scene.Ingress(ns, "web", ns, nil))
	e := c.WaitEvent(t, "Ingress", ns, "web", "FailedBuildModel")
	t.Logf("%s %s: %s", e.Type, e.Reason, e.Message)
	for _, s := range []string{"unable to resolve at least one subnet", "spec.subnets", ns, "the declared tags"} {
		if !strings.Contains(e.Message, s) {
			t.Errorf("the message has no %q", s)
		}
	}
	resources, tags := []string{"subnet-0a1de0000000000a2", "subnet-0a1de0000000000b2"}, []ec2types.Tag{
		{Key: aws.String("balancers"), Value: aws.String("yes")}}
	_, err := c.Simulator.Compute.CreateTags(t.Context(), &ec2.CreateTagsInput{Resources: resources, Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := c.Simulator.Compute.DeleteTags(context.Background(), &ec2.DeleteTagsInput{Resources: resources,
			Tags: tags}); err != nil {
			t.Error(err)
		}
	})
	served(t, c, ns) // within harness.Timeout, three minutes
}
