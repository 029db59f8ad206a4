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
	"strings"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/k8s-lbc/lbc/awssim/vnet"
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

// story is a cluster in which the test runs the workload.
type story struct {
	*testing.T
	ctx     context.Context
	c       *Cluster
	network *vnet.Network
	book    *addresses
	kubectl func(args ...string) (string, error)
}

var host = netip.MustParseAddr("10.0.128.10")

func begin(ctx context.Context, t *testing.T) *story {
	t.Helper()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	plane, err := root.ControlPlane()
	if err != nil {
		t.Fatal(err)
	}
	s := &story{T: t, ctx: ctx, network: vnet.New(),
		book: &addresses{next: netip.MustParseAddr("10.0.128.100"), taken: map[netip.Addr]bool{}}}
	s.c, err = Start(ctx, Options{
		Dir: t.TempDir(), ControlPlane: plane, Network: s.network, Assign: s.book.assign, Release: s.book.release,
		Logf: t.Logf, CRDs: "../../config/crd", Rights: "../../config/rbac", GatewayAPI: true,
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
	kubeconfig, err := s.c.Plane.AdminKubeconfig()
	if err != nil {
		s.c.Stop()
		t.Fatal(err)
	}
	cache := t.TempDir()
	s.kubectl = func(args ...string) (string, error) {
		var out bytes.Buffer
		err := kubectl.Run(ctx, kubeconfig, cache, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out,
			ErrOut: &out}, args...)
		return out.String(), err
	}
	return s
}

func (s *story) poll(what string, f func() (bool, error)) {
	s.Helper()
	began := time.Now()
	var last error
	err := wait.PollUntilContextTimeout(s.ctx, 50*time.Millisecond, 3*time.Minute, true,
		func(context.Context) (bool, error) {
			ok, err := f()
			last = err
			return ok, nil
		})
	if err != nil {
		pods, _ := s.kubectl("get", "pods,endpointslices,events", "-o", "wide")
		s.Fatalf("%s: %v (%v); %v\n%s", what, err, last, s.c.Plane.Failed(), pods)
	}
	s.Logf("%s after %v", what, time.Since(began))
}

// get asks a server of the network as a client outside of the cluster does.
func (s *story) get(to netip.AddrPort) (standin.Answer, error) {
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return s.network.DialTCP(ctx, netip.MustParseAddr("10.0.0.9"), to)
		},
	}}
	var answer standin.Answer
	resp, err := client.Get("http://" + to.String() + "/x")
	if err != nil {
		return answer, err
	}
	defer resp.Body.Close()
	return answer, json.NewDecoder(resp.Body).Decode(&answer)
}

// readyPods waits until the three pods of the Service are ready.
func (s *story) readyPods() (pods []netip.Addr) {
	s.Helper()
	s.poll("three endpoints are ready", func() (bool, error) {
		slices, err := s.c.Client.DiscoveryV1().EndpointSlices("default").List(s.ctx, metav1.ListOptions{
			LabelSelector: "kubernetes.io/service-name=web"})
		if err != nil {
			return false, err
		}
		pods = nil
		for _, slice := range slices.Items {
			for _, e := range slice.Endpoints {
				if *e.Conditions.Ready {
					pods = append(pods, netip.MustParseAddr(e.Addresses[0]))
				}
			}
		}
		return len(pods) == 3, nil
	})
	return pods
}

// answersItself has a pod answer at both of its ports.
func (s *story) answersItself(pod netip.Addr) {
	s.Helper()
	answer, err := s.get(netip.AddrPortFrom(pod, 8080))
	if err != nil || answer.Service != "web" || answer.Namespace != "default" || !strings.HasPrefix(answer.Pod, "web-") {
		s.Errorf("pod answers %+v, %v", answer, err)
	}
	conn, err := s.network.DialTCP(s.ctx, host, netip.AddrPortFrom(pod, 9000))
	if err != nil {
		s.Fatal(err)
	}
	name := make([]byte, len(answer.Pod))
	if _, err := io.ReadFull(conn, name); err != nil || string(name) != answer.Pod {
		s.Errorf("tcp port answers %q, %v", name, err)
	}
	_ = conn.Close()
}

func (s *story) nodePortReachesAllPods() {
	s.Helper()
	seen := map[string]bool{}
	s.poll("the node port reaches all pods", func() (bool, error) {
		answer, err := s.get(netip.AddrPortFrom(host, 30080))
		if err == nil {
			seen[answer.Pod] = true
		}
		return len(seen) == 3, err
	})
}

func (s *story) kubectlShowsObjectsAndKinds() {
	s.Helper()
	s.poll("kubectl shows three pods that are ready and one that is not", func() (bool, error) {
		out, err := s.kubectl("get", "pods")
		if err == nil {
			err = fmt.Errorf("it shows:\n%s", out)
		}
		return strings.Count(out, "1/1") == 3 && strings.Count(out, "0/1") == 1, err
	})
	if _, err := s.kubectl("get", "pod", "nobody"); err == nil || !strings.Contains(err.Error(), "not found") {
		s.Errorf("error of kubectl: %v", err)
	}
	if out, err := s.kubectl("get", "targetgroupbindings", "-A"); err != nil {
		s.Errorf("our CRDs: %v\n%s", err, out)
	}
	out, err := s.kubectl("get", "gatewayclasses,gateways,listenersets,httproutes,grpcroutes,tcproutes,udproutes,"+
		"tlsroutes,referencegrants,loadbalancerconfigurations", "-A")
	if err != nil || !strings.Contains(out, "gateway.k8s.aws/auto") {
		s.Errorf("the Gateway API and its classes: %v\n%s", err, out)
	}
	if out, err := s.kubectl("get", "widgets", "first", "-n", "widgets"); err != nil {
		s.Errorf("an added object of an added kind: %v\n%s", err, out)
	}
}

// noCRDIsNew holds each CRD to have been established at once. Otherwise the API server would delay the first
// TargetGroupBinding by two seconds, and with it the first answer of a load balancer.
func (s *story) noCRDIsNew() {
	s.Helper()
	crds, err := s.kubectl("get", "customresourcedefinitions", "-o",
		`jsonpath={range .items[*]}{.metadata.creationTimestamp} {.status.conditions[?(@.type=="Established")].lastTransitionTime}{"\n"}{end}`)
	lines := strings.Split(strings.TrimSpace(crds), "\n")
	if err != nil || len(lines) < 2 {
		s.Errorf("the CRDs: %v\n%s", err, crds)
	}
	for _, line := range lines {
		var created, established metav1.Time
		at, since, _ := strings.Cut(line, " ")
		if err := errors.Join(created.UnmarshalQueryParameter(at), established.UnmarshalQueryParameter(since)); err != nil ||
			established.After(created.Add(-creationDelay)) {
			s.Errorf("a CRD is new to the API server: created %s, established %s, %v", at, since, err)
		}
	}
}

// controllerMayOnlyRead compares the controller's rights to the kind that the test adds.
func (s *story) controllerMayOnlyRead() {
	s.Helper()
	for verb, want := range map[string]bool{"list": true, "delete": false} {
		review, err := s.c.Client.AuthorizationV1().SubjectAccessReviews().Create(s.ctx,
			&authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User:               "system:serviceaccount:kube-system:aws-load-balancer-controller",
				ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: "try.example.com", Resource: "widgets"},
			}}, metav1.CreateOptions{})
		if err != nil || review.Status.Allowed != want {
			s.Errorf("the controller may %s what was added: %+v, %v, want %v", verb, review, err, want)
		}
	}
}

// A control plane takes seconds to start, so this is one story.
func TestAWorkloadRunsAnswersAndEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about the playground, which every end-to-end test uses")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	s := begin(ctx, t)
	stop := sync.OnceFunc(s.c.Stop)
	defer stop()
	file := write(t, t.TempDir(), "workload.yaml", workload)
	if out, err := s.kubectl("apply", "-f", file); err != nil {
		t.Fatal(out, err)
	}
	pods := s.readyPods()
	s.answersItself(pods[0])
	s.nodePortReachesAllPods()
	s.kubectlShowsObjectsAndKinds()
	s.noCRDIsNew()
	s.controllerMayOnlyRead()

	if out, err := s.kubectl("delete", "-f", file, "--timeout=180s"); err != nil {
		t.Fatal(out, err)
	}
	s.poll("the pods are gone", func() (bool, error) {
		list, err := s.c.Client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 0, err
	})
	if _, err := s.get(netip.AddrPortFrom(pods[0], 8080)); err == nil {
		t.Error("a deleted pod still answers")
	}
	stop()
	if len(s.book.taken) != 0 {
		t.Errorf("addresses not given back: %v", s.book.taken)
	}
}
