package lab

// EveryGatewayKind is a cluster with three Gateways, two ALBs and an NLB, and something of each kind that concerns some
// of them.
const EveryGatewayKind = GatewayClasses + `
GatewayClass /unused {spec: {controllerName: gateway.k8s.aws/alb}}
Namespace /shop {metadata: {labels: {team: a}}}
Namespace /blog {}
Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: Same}}, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, ` +
	`listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}}]}}
Gateway shop/plain {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}]}}
Gateway shop/net {spec: {gatewayClassName: nlb, listeners: [{name: tcp, port: 80, protocol: TCP}, {name: udp, port: 53, protocol: UDP}, {name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}}]}}
ListenerSet shop/more {spec: {parentRef: {name: web}, listeners: [{name: more, port: 8080, protocol: HTTP}]}}
LoadBalancerConfiguration shop/web {spec: {defaultTargetGroupConfiguration: {name: all}}}
LoadBalancerConfiguration shop/unused {}
TargetGroupConfiguration shop/all {spec: {defaultConfiguration: {targetType: ip}}}
TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {targetType: ip}}}
TargetGroupConfiguration shop/unused {spec: {targetReference: {name: unused}}}
ListenerRuleConfiguration shop/web {spec: {tags: {team: shop}}}
ListenerRuleConfiguration shop/unused {spec: {tags: {team: shop}}}
ReferenceGrant blog/shop {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: "", kind: Service}]}}
ReferenceGrant shop/unused {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: blog}], to: [{group: "", kind: Service}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service shop/net {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service shop/unused {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service blog/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: web}}], backendRefs: [{name: web, port: 80}]}]}}
HTTPRoute shop/plain {spec: {parentRefs: [{name: plain}], rules: [{backendRefs: [{name: web, namespace: blog, port: 80}]}]}}
HTTPRoute shop/unused {spec: {parentRefs: [{name: none}]}}
GRPCRoute shop/both {spec: {parentRefs: [{name: web}, {name: plain}], rules: [{backendRefs: [{name: web, port: 80}]}]}}
TCPRoute shop/net {spec: {parentRefs: [{name: net}], rules: [{backendRefs: [{name: net, port: 80}]}]}}
UDPRoute shop/net {spec: {parentRefs: [{name: net}], rules: [{backendRefs: [{name: net, port: 80}]}]}}
TLSRoute shop/net {spec: {parentRefs: [{name: net}], hostnames: [net.example.com], rules: [{backendRefs: [{name: net, port: 80}]}]}}
HTTPRoute shop/more {spec: {parentRefs: [{kind: ListenerSet, name: more}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`
