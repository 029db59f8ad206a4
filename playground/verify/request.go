// Package verify checks what users expect of applied manifests: every load balancer gets an address and answers, and
// after deletion nothing is left in the account. It makes requests; starting and applying is the caller's. It imports
// API types and the simulator's client types.
package verify

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// Kind of an expectation.
type Kind int

const (
	// OK expects status 200, at an HTTP listener also a redirect to another one.
	OK Kind = iota
	// Answer expects any answer below 500: an action or a condition decides which.
	Answer
	// Connect expects a TCP connection that is not refused.
	Connect
)

// Request is one thing to try.
type Request struct {
	Object  string // "Ingress shop/front"
	Kind    Kind
	Scheme  string // http or https; not for Connect
	Host    string // Host header; empty: the load balancer's name
	Address string // DNS name of the load balancer and port
	Path    string
}

// URL of the request; Host is what the URL names, which TLS uses as the server name too.
func (r Request) URL() string {
	host, port, err := net.SplitHostPort(r.Address)
	if err != nil {
		return r.Scheme + "://" + r.Address + r.Path
	}
	if r.Host != "" {
		host = r.Host
	}
	return r.Scheme + "://" + net.JoinHostPort(host, port) + r.Path
}

func (r Request) String() string {
	if r.Kind == Connect {
		return "connect " + r.Address
	}
	return r.URL()
}

const albPrefix = "alb.ingress.kubernetes.io/"

// OfIngress lists the requests that the Ingress's rules must answer, one for each path at each listener. The status
// must hold the load balancer's name.
func OfIngress(i *networkingv1.Ingress) ([]Request, error) {
	object := "Ingress " + i.Namespace + "/" + i.Name
	if len(i.Status.LoadBalancer.Ingress) == 0 || i.Status.LoadBalancer.Ingress[0].Hostname == "" {
		return nil, fmt.Errorf("%s has no address yet", object)
	}
	name := i.Status.LoadBalancer.Ingress[0].Hostname
	listeners, err := listenersOf(i)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", object, err)
	}
	var requests []Request
	for _, l := range listeners {
		add := func(host, path string, backend networkingv1.IngressBackend) {
			requests = append(requests, Request{
				Object: object, Kind: kindOf(i, backend), Scheme: l.scheme, Host: strings.Replace(host, "*", "any", 1),
				Address: net.JoinHostPort(name, strconv.Itoa(int(l.port))), Path: path,
			})
		}
		for _, rule := range i.Spec.Rules {
			if rule.HTTP == nil {
				continue
			}
			for _, p := range rule.HTTP.Paths {
				add(rule.Host, pathOf(p), p.Backend)
			}
		}
		if i.Spec.DefaultBackend != nil && len(i.Spec.Rules) == 0 {
			add("", "/", *i.Spec.DefaultBackend)
		}
	}
	return requests, nil
}

type listener struct {
	scheme string
	port   int32
}

// listenersOf reads the listen-ports annotation as far as needed; without it the ports of the status count, where 443
// or a certificate alone means HTTPS.
func listenersOf(i *networkingv1.Ingress) ([]listener, error) {
	var listeners []listener
	if text := i.Annotations[albPrefix+"listen-ports"]; text != "" {
		var entries []map[string]int32
		if err := json.Unmarshal([]byte(text), &entries); err != nil {
			return nil, fmt.Errorf("annotation listen-ports: %w", err)
		}
		for _, e := range entries {
			for protocol, port := range e {
				listeners = append(listeners, listener{strings.ToLower(protocol), port})
			}
		}
		return listeners, nil
	}
	secure := i.Annotations[albPrefix+"certificate-arn"] != "" || len(i.Spec.TLS) > 0
	for _, p := range i.Status.LoadBalancer.Ingress[0].Ports {
		scheme := "http"
		if p.Port == 443 || secure && p.Port != 80 {
			scheme = "https"
		}
		listeners = append(listeners, listener{scheme, p.Port})
	}
	if len(listeners) == 0 {
		if secure {
			return []listener{{"https", 443}}, nil
		}
		return []listener{{"http", 80}}, nil
	}
	return listeners, nil
}

func kindOf(i *networkingv1.Ingress, b networkingv1.IngressBackend) Kind {
	if b.Service == nil || b.Service.Port.Name == "use-annotation" || i.Annotations[albPrefix+"conditions."+
		b.Service.Name] != "" {
		return Answer
	}
	return OK
}

// pathOf is a path that the rule matches: wildcards stand for nothing, or for one letter.
func pathOf(p networkingv1.HTTPIngressPath) string {
	path := p.Path
	if path == "" {
		path = "/"
	}
	if p.PathType == nil || *p.PathType == networkingv1.PathTypeImplementationSpecific {
		path = strings.NewReplacer("*", "", "?", "x").Replace(path)
	}
	return path
}

// OfService lists one request for each TCP port of a Service with a load balancer. isHTTP reports whether the pods
// behind a port speak HTTP.
func OfService(s *corev1.Service, isHTTP func(corev1.ServicePort) bool) ([]Request, error) {
	object := "Service " + s.Namespace + "/" + s.Name
	if len(s.Status.LoadBalancer.Ingress) == 0 || s.Status.LoadBalancer.Ingress[0].Hostname == "" {
		return nil, fmt.Errorf("%s has no address yet", object)
	}
	name := s.Status.LoadBalancer.Ingress[0].Hostname
	var requests []Request
	for _, p := range s.Spec.Ports {
		if p.Protocol == corev1.ProtocolUDP {
			continue
		}
		r := Request{Object: object, Kind: Connect, Address: net.JoinHostPort(name, strconv.Itoa(int(p.Port))), Path: "/"}
		if isHTTP(p) {
			r.Kind, r.Scheme = OK, "http"
			if tlsPort(s, p) {
				r.Scheme = "https"
			}
		}
		requests = append(requests, r)
	}
	return requests, nil
}

const nlbPrefix = "service.beta.kubernetes.io/aws-load-balancer-"

// tlsPort: with a certificate all ports end TLS, unless ssl-ports names some.
func tlsPort(s *corev1.Service, p corev1.ServicePort) bool {
	if s.Annotations[nlbPrefix+"ssl-cert"] == "" {
		return false
	}
	ports := s.Annotations[nlbPrefix+"ssl-ports"]
	if ports == "" || ports == "*" {
		return true
	}
	for item := range strings.SplitSeq(ports, ",") {
		if item = strings.TrimSpace(item); item == p.Name || item == strconv.Itoa(int(p.Port)) {
			return true
		}
	}
	return false
}

// HasLoadBalancer reports whether the controller makes a load balancer for the Service.
func HasLoadBalancer(s *corev1.Service) bool {
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return false
	}
	if s.Spec.LoadBalancerClass != nil {
		return *s.Spec.LoadBalancerClass == "service.k8s.aws/nlb"
	}
	kind := s.Annotations[nlbPrefix+"type"]
	return kind == "external" || kind == "nlb-ip"
}
