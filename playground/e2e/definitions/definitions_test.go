// Package definitions shows end to end what a running controller does when the definitions of the Gateway API come and
// go, and that of GlobalAccelerators comes: its cluster starts without them.
package definitions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/k8s-lbc/lbc/playground/cluster/gatewayapi"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/load"
	"github.com/k8s-lbc/lbc/playground/manifest"
)

func TestMain(m *testing.M) { harness.Main(m) }

var definitionsResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1",
	Resource: "customresourcedefinitions"}

// install creates objects that do not exist, and waits until they can be created: a class needs its definition to be
// served.
func install(t *testing.T, c *harness.Cluster, resource schema.GroupVersionResource, all []*unstructured.Unstructured) {
	t.Helper()
	for _, o := range all {
		c.WaitFor(t, "the creation of "+o.GetKind()+" "+o.GetName(), func(ctx context.Context) error {
			_, err := c.Dynamic.Resource(resource).Create(ctx, o, metav1.CreateOptions{})
			if apierrors.IsAlreadyExists(err) {
				return nil
			}
			return err
		})
	}
}

// own are the definitions of the controller for Gateways.
func own(t *testing.T, c *harness.Cluster) (all []*unstructured.Unstructured) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.Repo.CRDs(), "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, o := range parse(t, f) {
			if gatewayapi.IsOwn(o) {
				all = append(all, o)
			}
		}
	}
	return all
}

// parse reads the objects of a file.
func parse(t *testing.T, path string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Parse(path, text)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func upstream(t *testing.T, name string) (all []*unstructured.Unstructured) {
	t.Helper()
	definitions, err := gatewayapi.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range definitions {
		if name == "" || d.GetName() == name {
			all = append(all, d)
		}
	}
	return all
}

// installAll installs all definitions and the classes.
func installAll(t *testing.T, c *harness.Cluster) {
	t.Helper()
	install(t, c, definitionsResource, upstream(t, ""))
	install(t, c, definitionsResource, own(t, c))
	classes, err := gatewayapi.Classes()
	if err != nil {
		t.Fatal(err)
	}
	install(t, c, schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1",
		Resource: "gatewayclasses"}, classes)
}

// apply applies objects, and waits until their definitions are served.
func apply(t *testing.T, c *harness.Cluster, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "objects.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c.WaitFor(t, "objects to be applied", func(context.Context) error {
		out, err := c.TryKubectl(t, "apply", "-f", path)
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	})
}

// remove deletes a definition, and with it all of its objects, and waits until it is gone.
func remove(t *testing.T, c *harness.Cluster, name string) {
	t.Helper()
	if err := c.Dynamic.Resource(definitionsResource).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	c.WaitFor(t, "the end of "+name, func(ctx context.Context) error {
		list, err := c.Dynamic.Resource(definitionsResource).List(ctx, metav1.ListOptions{
			FieldSelector: "metadata.name=" + name})
		if err == nil && len(list.Items) > 0 {
			err = errors.New("it is still there")
		}
		return err
	})
}

const (
	ns    = "defined"
	route = "parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]"
)

// TestGatewayDefinitionsMayComeLaterAndGo shows that a controller serves definitions of the Gateway
// API installed after its start, and deletes nothing when one is removed.
func TestGatewayDefinitionsMayComeLaterAndGo(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, in which definitions come and go")
	}
	c := harness.Start(t, harness.Options{WithoutGatewayAPI: true})
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "web", scene.Class, scene.Annotations{"scheme": "internet-facing",
		"target-type": "ip"}))
	c.WaitGet(t, "http://"+c.IngressAddress(t, ns, "web")+"/", "", 200, "web")
	log := filepath.Join(c.Env.Dir, "logs", "controller.log")
	if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text),
		"the API server does not serve these kinds") {
		t.Errorf("the log does not have the kinds that are missing: %v", err)
	}
	process := c.Env.ControllerPID()

	installAll(t, c)
	objects := scene.TargetGroups(ns, "targets", "defaultConfiguration: {targetType: ip, healthCheckConfig: "+
		"{healthCheckPath: /health}}") +
		scene.Gateway(ns, "web", "alb", "scheme: internet-facing, defaultTargetGroupConfiguration: {name: targets}",
			"name: http, protocol: HTTP, port: 80") + scene.Route("HTTPRoute", ns, "web", route)
	apply(t, c, objects)
	host := scene.GatewayAddress(t, c, ns, "web")
	c.WaitGet(t, "http://"+host+"/", "", 200, "web")
	before := c.LoadBalancer(t, host)
	if c.Env.ControllerPID() != process {
		t.Error("the controller was restarted")
	}

	traffic := scene.Send(t, c, "http://"+host+"/", "", scene.OK)
	mark := c.Mark()
	remove(t, c, "httproutes.gateway.networking.k8s.io")
	c.WaitFor(t, "the controller to notice the removal", func(context.Context) error {
		text, err := os.ReadFile(log)
		if err == nil && !strings.Contains(string(text),
			`"kind":"HTTPRoute","version":"gateway.networking.k8s.io/v1","before":"served"`) {
			err = errors.New("its log does not have it")
		}
		return err
	})
	c.Kubectl(t, "label", "gateway", "-n", ns, "web", "example.com/touched=yes")
	c.Kubectl(t, "patch", "gateway", "-n", ns, "web", "--type=json", "-p",
		`[{"op": "add", "path": "/spec/listeners/-", "value": {"name": "more", "protocol": "HTTP", "port": 8080}}]`)
	scene.More(t, c, traffic, 50)
	install(t, c, definitionsResource, upstream(t, "httproutes.gateway.networking.k8s.io"))
	apply(t, c, scene.Route("HTTPRoute", ns, "web", route))
	scene.GatewayAddress(t, c, ns, "web")
	c.WaitGet(t, "http://"+host+":8080/", "", 200, "web")
	scene.More(t, c, traffic, 50)
	if tally := traffic.Stop(); tally.Failed > 0 {
		t.Errorf("the removal of a definition interrupted: %s", tally)
	}
	for _, w := range c.Writes(mark) {
		if strings.Contains(w, "Delete") || strings.Contains(w, "Deregister") {
			t.Errorf("the removal of a definition led to %s", w)
		}
	}
	if after := c.LoadBalancer(t, host); after.ARN != before.ARN || after.Listeners[0].Rules[0].ARN !=
		before.Listeners[0].Rules[0].ARN {
		t.Errorf("made again: %+v, was %+v", after, before)
	}

	c.Kubectl(t, "delete", "gateway,httproute,loadbalancerconfiguration,targetgroupconfiguration", "-n", ns, "--all")
	if text, err := os.ReadFile(log); err != nil || strings.Contains(string(text), "forbidden") {
		t.Errorf("the controller lacks a right: %v", err)
	}
}

// TestRemovedGatewayDefinitionDeletesNothing shows that load balancers survive the removal of the
// definition of Gateways, and that Gateways created again adopt them. The API server deletes each
// Gateway when the definition is removed.
func TestRemovedGatewayDefinitionDeletesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, in which definitions come and go")
	}
	const definition = "gateways.gateway.networking.k8s.io"
	c := harness.Start(t, harness.Options{WithoutGatewayAPI: true})
	installAll(t, c)
	apply(t, c, scene.Namespace(ns, 2)+scene.TargetGroups(ns, "targets", "defaultConfiguration: {targetType: ip, "+
		"healthCheckConfig: {healthCheckPath: /health}}")+
		scene.Route("HTTPRoute", ns, "web", route)+scene.Route("TCPRoute", ns, "raw", "parentRefs: [{name: raw}], rules: "+
		"[{backendRefs: [{name: web, port: 80}]}]"))
	gateways := scene.Gateway(ns, "web", "alb", "scheme: internet-facing, defaultTargetGroupConfiguration: "+
		"{name: targets}", "name: http, protocol: HTTP, port: 80") +
		scene.Gateway(ns, "raw", "nlb", "scheme: internet-facing, defaultTargetGroupConfiguration: {name: targets}",
			"name: tcp, protocol: TCP, port: 81")
	apply(t, c, gateways)
	web, raw := scene.GatewayAddress(t, c, ns, "web"), scene.GatewayAddress(t, c, ns, "raw")
	c.WaitGet(t, "http://"+web+"/", "", 200, "web")
	c.WaitGet(t, "http://"+raw+":81/", "", 200, "web")
	before := map[string]string{web: c.LoadBalancer(t, web).ARN, raw: c.LoadBalancer(t, raw).ARN}

	traffic := []*load.Clients{scene.Send(t, c, "http://"+web+"/", "", scene.OK), scene.Send(t, c, "http://"+raw+":81/",
		"", scene.OK)}
	more := func() {
		for _, f := range traffic {
			scene.More(t, c, f, 50)
		}
	}
	mark := c.Mark()
	remove(t, c, definition)
	more()
	install(t, c, definitionsResource, upstream(t, definition))
	apply(t, c, gateways)
	for name, host := range map[string]string{"web": web, "raw": raw} {
		if after := scene.GatewayAddress(t, c, ns, name); after != host || c.LoadBalancer(t, after).ARN != before[host] {
			t.Errorf("Gateway %s has %s, had %s (%s)", name, after, host, before[host])
		}
	}
	c.Kubectl(t, "patch", "gateway", "-n", ns, "web", "--type=json", "-p",
		`[{"op": "add", "path": "/spec/listeners/-", "value": {"name": "more", "protocol": "HTTP", "port": 8080}}]`)
	c.WaitGet(t, "http://"+web+":8080/", "", 200, "web")
	more()
	for _, f := range traffic {
		if tally := f.Stop(); tally.Failed > 0 {
			t.Errorf("the removal of the definition interrupted: %s", tally)
		}
	}
	for _, w := range c.Writes(mark) {
		for _, unwanted := range []string{"Delete", "Deregister", "CreateLoadBalancer", "CreateTargetGroup",
			"CreateSecurityGroup"} {
			if strings.Contains(w, unwanted) {
				t.Errorf("the removal of the definition led to %s", w)
			}
		}
	}

	c.Kubectl(t, "delete", "gateway", "-n", ns, "--all")
	c.WaitFor(t, "the deletion of the load balancers of Gateways that are deleted themselves",
		func(context.Context) error {
			for _, b := range c.Simulator.Resources().LoadBalancers {
				if before[b.DNSName] != "" {
					return errors.New(b.ARN + " exists")
				}
			}
			return nil
		})
}
