package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/playground/kubectl"
	"github.com/k8s-lbc/lbc/playground/node"
	"github.com/k8s-lbc/lbc/playground/repository"
	"github.com/k8s-lbc/lbc/playground/standin"
)

const workload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: app
        image: example.com/app
        env: [{name: SERVICE_NAME, value: web}]
        ports: [{name: http, containerPort: 8080}, {name: tcp-raw, containerPort: 9000}]
        readinessProbe: {httpGet: {path: /health, port: http}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http, nodePort: 30080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sick}
spec:
  replicas: 1
  selector: {matchLabels: {app: sick}}
  template:
    metadata: {labels: {app: sick}}
    spec:
      containers:
      - name: app
        image: example.com/app
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /status/500, port: 8080}}
`

// addresses hands out addresses of 10.0.128.0/20 and checks that each comes back once.
type addresses struct {
	mu    sync.Mutex
	next  netip.Addr
	taken map[netip.Addr]bool
}

func (a *addresses) assign(string) ([]netip.Addr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = a.next.Next()
	a.taken[a.next] = true
	return []netip.Addr{a.next}, nil
}

func (a *addresses) release(_ string, addrs []netip.Addr) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, addr := range addrs {
		if !a.taken[addr] {
			return fmt.Errorf("%s is not taken", addr)
		}
		delete(a.taken, addr)
	}
	return nil
}

// A control plane takes seconds to start, so this is one story.
func TestAWorkloadRunsAnswersAndEnds(t *testing.T) {
	longtest.Long(t, "it is about the playground, which every end-to-end test uses")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	plane, err := root.ControlPlane()
	if err != nil {
		t.Fatal(err)
	}
	network := vnet.New()
	book := &addresses{next: netip.MustParseAddr("10.0.128.100"), taken: map[netip.Addr]bool{}}
	host := netip.MustParseAddr("10.0.128.10")
	c, err := Start(ctx, Options{
		Dir: t.TempDir(), ControlPlane: plane, Network: network, Assign: book.assign, Release: book.release, Logf: t.Logf,
		CRDs: "../../config/crd", Rights: "../../config/rbac", GatewayAPI: true,
		Manifests: []string{write(t, t.TempDir(), "added.yaml", added)},
		Nodes: []node.Spec{
			{Name: "ip-10-0-128-10", Instance: "i-00000000000000a01", Region: "us-west-2", Zone: "us-west-2a",
				Architecture: "amd64", Address: host},
			{Name: "ip-10-0-144-10", Instance: "i-00000000000000b01", Region: "us-west-2", Zone: "us-west-2b",
				Architecture: "arm64", Address: netip.MustParseAddr("10.0.144.10")},
		},
		Progress: func(what string, after time.Duration) { t.Logf("%s after %v", what, after) },
	})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			c.Stop()
		}
	}
	defer stop()
	kubeconfig, err := c.Plane.AdminKubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	file := filepath.Join(t.TempDir(), "workload.yaml")
	if err := os.WriteFile(file, []byte(workload), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := kubectl.Run(ctx, kubeconfig, cache, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out,
			ErrOut: &out}, args...)
		return out.String(), err
	}
	poll := func(what string, f func() (bool, error)) {
		t.Helper()
		began := time.Now()
		var last error
		err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 3*time.Minute, true,
			func(context.Context) (bool, error) {
				ok, err := f()
				last = err
				return ok, nil
			})
		if err != nil {
			pods, _ := run("get", "pods,endpointslices,events", "-o", "wide")
			t.Fatalf("%s: %v (%v); %v\n%s", what, err, last, c.Plane.Failed(), pods)
		}
		t.Logf("%s after %v", what, time.Since(began))
	}

	if out, err := run("apply", "-f", file); err != nil {
		t.Fatal(out, err)
	}
	var pods []netip.Addr
	poll("three endpoints are ready", func() (bool, error) {
		slices, err := c.Client.DiscoveryV1().EndpointSlices("default").List(ctx, metav1.ListOptions{
			LabelSelector: "kubernetes.io/service-name=web"})
		if err != nil {
			return false, err
		}
		pods = nil
		for _, s := range slices.Items {
			for _, e := range s.Endpoints {
				if *e.Conditions.Ready {
					pods = append(pods, netip.MustParseAddr(e.Addresses[0]))
				}
			}
		}
		return len(pods) == 3, nil
	})

	get := func(to netip.AddrPort) (standin.Answer, error) {
		client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return network.DialTCP(ctx, netip.MustParseAddr("10.0.0.9"), to)
			},
		}}
		var answer standin.Answer
		resp, err := client.Get("http://" + to.String() + "/x")
		if err != nil {
			return answer, err
		}
		defer resp.Body.Close() //nolint:errcheck // read to the end below
		return answer, json.NewDecoder(resp.Body).Decode(&answer)
	}
	answer, err := get(netip.AddrPortFrom(pods[0], 8080))
	if err != nil || answer.Service != "web" || answer.Namespace != "default" || !strings.HasPrefix(answer.Pod, "web-") {
		t.Errorf("pod answers %+v, %v", answer, err)
	}
	conn, err := network.DialTCP(ctx, host, netip.AddrPortFrom(pods[0], 9000))
	if err != nil {
		t.Fatal(err)
	}
	name := make([]byte, len(answer.Pod))
	if _, err := io.ReadFull(conn, name); err != nil || string(name) != answer.Pod {
		t.Errorf("tcp port answers %q, %v", name, err)
	}
	_ = conn.Close()

	seen := map[string]bool{}
	poll("the node port reaches all pods", func() (bool, error) {
		answer, err := get(netip.AddrPortFrom(host, 30080))
		if err == nil {
			seen[answer.Pod] = true
		}
		return len(seen) == 3, err
	})

	poll("kubectl shows three pods that are ready and one that is not", func() (bool, error) {
		out, err := run("get", "pods")
		if err == nil {
			err = fmt.Errorf("it shows:\n%s", out)
		}
		return strings.Count(out, "1/1") == 3 && strings.Count(out, "0/1") == 1, err
	})
	if _, err := run("get", "pod", "nobody"); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("error of kubectl: %v", err)
	}
	if out, err := run("get", "targetgroupbindings", "-A"); err != nil {
		t.Errorf("our CRDs: %v\n%s", err, out)
	}
	if out,
		err := run("get",
		"gatewayclasses,gateways,listenersets,httproutes,grpcroutes,tcproutes,udproutes,tlsroutes,referencegrants,loadbalancerconfigurations", "-A"); err != nil ||
		!strings.Contains(out, "gateway.k8s.aws/auto") {
		t.Errorf("the Gateway API and its classes: %v\n%s", err, out)
	}
	// The API server would hold up the first TargetGroupBinding, and so the first answer of a load balancer, by two
	// seconds.
	crds, err := run("get", "customresourcedefinitions", "-o",
		`jsonpath={range .items[*]}{.metadata.creationTimestamp} {.status.conditions[?(@.type=="Established")].lastTransitionTime}{"\n"}{end}`)
	lines := strings.Split(strings.TrimSpace(crds), "\n")
	if err != nil || len(lines) < 2 {
		t.Errorf("the CRDs: %v\n%s", err, crds)
	}
	for _, line := range lines {
		var created, established metav1.Time
		at, since, _ := strings.Cut(line, " ")
		if err := errors.Join(created.UnmarshalQueryParameter(at), established.UnmarshalQueryParameter(since)); err != nil ||
			established.After(created.Add(-creationDelay)) {
			t.Errorf("a CRD is new to the API server: created %s, established %s, %v", at, since, err)
		}
	}
	if out, err := run("get", "widgets", "first", "-n", "widgets"); err != nil {
		t.Errorf("an added object of an added kind: %v\n%s", err, out)
	}
	for verb, want := range map[string]bool{"list": true, "delete": false} {
		review, err := c.Client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{
				User:               "system:serviceaccount:kube-system:aws-load-balancer-controller",
				ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: "try.example.com", Resource: "widgets"},
			}}, metav1.CreateOptions{})
		if err != nil || review.Status.Allowed != want {
			t.Errorf("the controller may %s what was added: %+v, %v, want %v", verb, review, err, want)
		}
	}

	if out, err := run("delete", "-f", file, "--timeout=180s"); err != nil {
		t.Fatal(out, err)
	}
	poll("the pods are gone", func() (bool, error) {
		list, err := c.Client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 0, err
	})
	if _, err := get(netip.AddrPortFrom(pods[0], 8080)); err == nil {
		t.Error("a deleted pod still answers")
	}
	began := time.Now()
	stop()
	t.Logf("stopped after %v", time.Since(began))
	if len(book.taken) != 0 {
		t.Errorf("addresses not given back: %v", book.taken)
	}
}
