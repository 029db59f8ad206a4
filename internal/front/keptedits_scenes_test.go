package front

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	sceneLogin = `{"issuer":"https://i.test","authorizationEndpoint":"https://a.test",` +
		`"tokenEndpoint":"https://t.test","userInfoEndpoint":"https://u.test","secretName":"idp"}`
	sceneSplit = `{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"web","servicePort":80,` +
		`"weight":1},{"serviceName":"api","servicePort":"http","weight":3}]}}`
	sceneMove = `{"type":"redirect","redirectConfig":{"host":"a.test","statusCode":"HTTP_302"}}`
	sceneText = `{"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"200",` +
		`"messageBody":"x"}}`
	sceneExtra = `[{"field":"http-request-method","httpRequestMethodConfig":{"values":["GET","POST"]}}]`
	scenePaths = `[{"type":"url-rewrite","urlRewriteConfig":{"rewrites":[{"regex":"^/api/(.*)$","replace":"/$1"}]}}]`
)

// membersOf draws the namespaces of two to four members; the first one is of a.
func (t tenants) membersOf() (namespaces []string) {
	for n := range rapid.IntRange(2, 4).Draw(t.T, "members") {
		if n == 0 {
			namespaces = append(namespaces, "a")
		} else {
			namespaces = append(namespaces, t.pick("namespace", "a", "b"))
		}
	}
	return namespaces
}

// memberNames are the names of members.
var memberNames = []string{"one", "two", "three", "four"}

// backends adds the Services that members refer to, of both namespaces.
func (s served) backends() {
	for name, namespace := range map[string]string{"web": "a", "api": "a", "web of b": "b", "api of b": "b"} {
		app, _, _ := strings.Cut(name, " ")
		s.objects["Service/"+name] = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app},
			Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Selector: map[string]string{"app": app},
				Ports: []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP,
					TargetPort: intstr.FromInt32(8080), NodePort: 30080}}}}
	}
}

// servedIngresses draws a group of Ingresses of one or two namespaces that are served.
func (t tenants) servedIngresses() served {
	s := served{key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}, f: Ingress{
		Config: ingress.Config{IngressClass: "alb", DefaultTargetType: stack.TargetIP}},
		objects: map[string]metav1.Object{
			"IngressClass/alb": &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"},
				Spec: networkingv1.IngressClassSpec{Controller: "ingress.k8s.aws/alb",
					Parameters: &networkingv1.IngressClassParametersReference{APIGroup: ptr.To("elbv2.k8s.aws"),
						Kind: "IngressClassParams", Name: "alb"}}},
			"IngressClassParams/alb": &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "alb"}},
			"Namespace/a":            &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a"}},
			"Namespace/b":            &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "b"}},
			"Secret/idp": &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "idp"},
				Data: map[string][]byte{"clientID": []byte("id"), "clientSecret": []byte("secret")}},
		}}
	s.backends()
	for i, namespace := range t.membersOf() {
		name := memberNames[i]
		of := map[string]string{"group.name": "g", "actions.split": sceneSplit, "actions.move": sceneMove,
			"actions.text": sceneText, "conditions.api": sceneExtra, "transforms.api": scenePaths}
		if rapid.Bool().Draw(t.T, "HTTPS") {
			of["listen-ports"], of["certificate-arn"] = `[{"HTTP":80},{"HTTPS":443}]`, accountCertificate
			if i == 0 && rapid.Bool().Draw(t.T, "login") {
				of["listen-ports"], of["auth-type"], of["auth-idp-oidc"] = `[{"HTTPS":443}]`, "oidc", sceneLogin
			}
		}
		if rapid.Bool().Draw(t.T, "instances") {
			of["target-type"] = "instance"
		}
		meta := metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: metav1.Unix(1_700_000_000, 0),
			Annotations: map[string]string{}}
		for k, v := range of {
			meta.Annotations[ofALB+k] = v
		}
		ing := &networkingv1.Ingress{ObjectMeta: meta, Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("alb")}}
		for n, backend := range []string{"web", "api", t.pick("action", "split", "move", "text")} {
			port := networkingv1.ServiceBackendPort{Number: 80}
			if n == 2 {
				port = networkingv1.ServiceBackendPort{Name: "use-annotation"}
			}
			ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{Host: victims[i],
				IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
					Paths: []networkingv1.HTTPIngressPath{
						{Path: []string{"/a", "/a/b", "/admin"}[n], PathType: ptr.To(networkingv1.PathTypePrefix),
							Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: backend,
								Port: port}}}}}}})
		}
		showing(deployed(s.key, ing), "g.elb.amazonaws.com")
		s.objects["Ingress/"+name] = ing
	}
	return s
}

// servedService draws a Service of type LoadBalancer that is served, alone or in a group.
func (t tenants) servedService() served {
	s := served{key: stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "a", Name: "one"}}, f: Service{
		Config: service.Config{LoadBalancerClass: "service.k8s.aws/nlb", DefaultTargetType: stack.TargetIP}},
		objects: map[string]metav1.Object{}}
	namespaces := []string{"a"}
	if rapid.Bool().Draw(t.T, "group") {
		s.key.ID, namespaces = stack.ID{Name: "g"}, t.membersOf()
	}
	for i, namespace := range namespaces {
		name := memberNames[i]
		port := int32(80 + 10*i)
		svc := t.service(metav1.ObjectMeta{Namespace: namespace, Name: name}, []int32{port, port + 1})
		if len(namespaces) == 1 {
			delete(svc.Annotations, string(annotation.ServiceGroupName))
		}
		if rapid.Bool().Draw(t.T, "TLS") {
			svc.Annotations[string(annotation.ServiceCertificates)],
				svc.Annotations[string(annotation.ServiceSSLPorts)] = accountCertificate, fmt.Sprint(port)
		}
		if rapid.Bool().Draw(t.T, "UDP") {
			svc.Spec.Ports[1].Protocol = corev1.ProtocolUDP
		}
		if rapid.Bool().Draw(t.T, "instances") {
			svc.Annotations[string(annotation.ServiceTargetType)] = "instance"
		}
		if rapid.Bool().Draw(t.T, "weights") {
			svc.Annotations[ofNLB+fmt.Sprint("actions.TCP-",
				port)] = `{"type":"forward","forwardConfig":{"baseServiceWeight":10,"targetGroups":[{"serviceName":"web",` +
				`"servicePort":80,"weight":1}]}}`
		}
		showing(deployed(s.key, svc), "g.elb.amazonaws.com")
		s.objects["Service/"+name] = svc
	}
	s.backends()
	return s
}
