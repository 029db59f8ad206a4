package acceptance

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

const (
	echo     = "gateway_api_conformance.echo_basic.grpcecho.GrpcEcho"
	grpcHost = "grpc.example.com"
)

// echoes is the manifest of a backend that speaks gRPC.
func echoes(namespace, name string) string {
	return strings.NewReplacer("env: [{name: SERVICE_NAME,",
		"env: [{name: GRPC_ECHO_SERVER, value: \"1\"}, {name: SERVICE_NAME,", "image: example.com/app",
		"image: registry.k8s.io/gateway-api/echo-basic:v1.5.1",
		"ports: [{name: http, containerPort: 8080}]", "ports: [{name: grpc, containerPort: 3000}]",
		"{httpGet: {path: /health, port: http}, periodSeconds: 1}", "{tcpSocket: {port: grpc}, periodSeconds: 1}",
		"targetPort: http}", "targetPort: 3000}").Replace(scene.Backend(namespace, name, 1))
}

// grpcGroups is what target groups of gRPC backends are like: the path of their health check is that of AWS.
func (s *site) grpcGroups() string {
	return scene.TargetGroups(s.ns, "targets", "defaultConfiguration: {targetType: "+s.targets+"}")
}

// grpcRoute applies GRPCRoute "calls" with one line of YAML for each rule.
func (s *site) grpcRoute(t *testing.T, rules ...string) {
	t.Helper()
	s.Apply(t, scene.Route("GRPCRoute", s.ns, "calls", "parentRefs: [{name: web}], hostnames: ["+grpcHost+"], rules: [{"+
		strings.Join(rules, "}, {")+"}]"))
}

// call waits until a method answers with an HTTP status and, if one is named, by a pod of the backend.
func (s *site) call(t *testing.T, lb simclient.LoadBalancer, method string, status int, backend string,
	headers ...string) {
	t.Helper()
	s.WaitFor(t, fmt.Sprintf("%d %s from %s %v", status, backend, method, headers), func(ctx context.Context) error {
		r, err := s.Call(ctx, "https://"+lb.DNSName+"/"+method, grpcHost, headers...)
		if err == nil && (r.Status != status || backend != "" && (r.Code != "0" || !strings.Contains(r.Body, backend+"-"))) {
			err = fmt.Errorf("got %d, grpc-status %q, %q", r.Status, r.Code, r.Body)
		}
		return err
	})
}

// TestGatewayRoutesCallsOfGRPC shows that real gRPC calls reach the backend that a GRPCRoute
// chooses by service, method and header, also after edits.
func TestGatewayRoutesCallsOfGRPC(t *testing.T) {
	t.Parallel()
	onEachTargetType(t, "g12", secured, []string{onHTTPS}, func(t *testing.T, s *site) {
		scene.Change(t, s.Cluster, s.grpcGroups())
		s.Apply(t, echoes(s.ns, "first")+echoes(s.ns, "second"))
		byHeader := "matches: [{method: {service: " + echo +
			", method: Echo}, headers: [{name: version, value: two}]}], backendRefs: [{name: second, port: 80}]"
		otherwise := "backendRefs: [{name: first, port: 80}]"
		s.grpcRoute(t, byHeader, otherwise)
		lb := s.balancer(t, 2, "HTTPS 443")
		for _, tg := range s.TargetGroups(lb) {
			if tg.ProtocolVersion != "GRPC" {
				t.Errorf("%s has version %s", tg.Name, tg.ProtocolVersion)
			}
		}
		s.shows(t, "grpcroute", "calls", "Accepted=True Accepted", "ResolvedRefs=True ResolvedRefs")
		s.call(t, lb, echo+"/Echo", 200, "second", "version: two")
		s.call(t, lb, echo+"/Echo", 200, "first")
		s.grpcRoute(t, byHeader)
		s.call(t, lb, echo+"/Echo", 404, "")
		s.call(t, lb, echo+"/Echo", 200, "second", "version: two")
		s.grpcRoute(t, "matches: [{method: {service: "+echo+"}}], backendRefs: [{name: first, port: 80}]")
		s.call(t, lb, echo+"/Echo", 200, "first")
		s.call(t, lb, echo+"/EchoTwo", 200, "first")
		s.call(t, lb, "other.Service/Echo", 404, "")
		s.grpcRoute(t, "matches: [{method: {service: "+echo+", method: EchoTwo}}], backendRefs: [{name: first, port: 80}]")
		s.call(t, lb, echo+"/Echo", 404, "")
		s.call(t, lb, echo+"/EchoTwo", 200, "first")
	})
}
