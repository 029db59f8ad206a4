package guides

// hostRule is a rule of a standard Gateway for a host and a prefix path.
func hostRule(host, paths, action string) string {
	return "if host-header is " + hostPattern(host) + " and path-pattern is " + paths + ", " + action
}

const layer7Targets = "HTTP traffic-port /health 200 15s 5s 2 2"

// gatewayRows are the examples of the Gateway API.
var gatewayRows = []row{
	{
		file: "30-gateway-hands-on.yaml", namespace: "gateway-hands-on",
		balancers: []balancer{{
			objects: []string{"web-gateway"}, name: "k8s-gatewayh-webgatew-", managed: "k8s-gatewayh-webgatew-",
			webACL: "gateway-acl",
			gateway: &gateway{
				class: "alb-hands-on",
				configurations: []string{"loadbalancerconfigurations web-lb", "targetgroupconfigurations web-targets",
					"listenerruleconfigurations block-metrics"},
				routes:      []route{{resource: "httproutes", name: "web-route"}},
				annotations: map[string]string{"gateway.k8s.aws.addon.wafv2": "true"},
			},
			attributes: map[string]string{"access_logs.s3.enabled": "true",
				"access_logs.s3.bucket": "gateway-access-logs-123456789012", "access_logs.s3.prefix": "web"},
			listeners: []listener{{port: 443, protocol: "HTTPS", certificates: []string{"7"}, rules: []string{
				hostRule("www.example.com", "/metrics or /metrics/*", "answer 403"),
				hostRule("www.example.com", "/*", "forward to web:8080"),
			}}},
			groups: []targetGroup{{service: "web:8080", route: "web-route", name: "k8s-gatewayh-webroute-0499f06f74", port: 8080,
				targets: 2, health: layer7Targets}},
		}},
		asks: []ask{
			{url: "https://www.example.com/", status: 200, service: "web"},
			{url: "https://www.example.com/metrics", status: 403, body: "Forbidden"},
			{url: "https://www.example.com/metrics/x", status: 403, body: "Forbidden"},
			{url: "https://www.example.com/metricsx", status: 200, service: "web"},
			{url: "https://api.example.com/", status: 404},
			{url: "http://www.example.com/"},
			{url: "https://www.example.com/blocked", status: 403},
		},
		story: replaceHandsOn,
	},
	{
		file: "31-gateway-internal-class-config.yaml", namespace: "gateway-internal",
		balancers: []balancer{{
			objects: []string{"internal-gateway"}, name: "k8s-gatewayi-internal-", managed: "k8s-gatewayi-internal-",
			internal: true,
			gateway: &gateway{
				class: "alb-internal", configurations: []string{"loadbalancerconfigurations internal-lb"},
				routes: []route{{resource: "httproutes", name: "internal-route"}},
			},
			listeners: []listener{
				{port: 80, protocol: "HTTP", rules: []string{hostRule("internal-gw.example.com", "/*", "forward to web:8080")}}},
			groups: []targetGroup{{service: "web:8080", route: "internal-route", targetPort: 8080}},
		}},
		asks: []ask{
			{url: "http://internal-gw.example.com/", status: 200, service: "web"},
			{url: "http://other.example.com/", status: 404},
		},
		story: showClass,
	},
	{
		file: "32-gateway-subnets-instance.yaml", namespace: "gateway-subnets",
		warnings: []string{"UnhealthyTargets"}, // a node is in the zone without a subnet
		balancers: []balancer{{
			objects: []string{"subnets-gateway"}, name: "k8s-gateways-subnetsg-", managed: "k8s-gateways-subnetsg-",
			subnets: []string{"subnet-00000000000000a01", "subnet-00000000000000c01"},
			gateway: &gateway{
				class: "alb-subnets", configurations: []string{"loadbalancerconfigurations subnets-lb",
					"targetgroupconfigurations web-targets"},
				routes: []route{{resource: "httproutes", name: "subnets-route"}},
			},
			listeners: []listener{
				{port: 80, protocol: "HTTP", rules: []string{hostRule("subnets-gw.example.com", "/*", "forward to web:8080")}}},
			groups: []targetGroup{{service: "web:8080", route: "subnets-route", targetPort: 8080,
				health: "HTTP traffic-port /health 200-399 15s 5s 3 3"}},
		}},
		asks: []ask{{url: "http://subnets-gw.example.com/", status: 200, service: "web"}},
	},
	{
		file: "33-gateway-many-routes.yaml", namespace: "gateway-many",
		balancers: []balancer{{
			objects: []string{"many-gateway"}, name: "k8s-gatewaym-manygate-", managed: "k8s-gatewaym-manygate-", edited: true,
			gateway: &gateway{
				class: "alb-many",
				configurations: []string{"loadbalancerconfigurations many-lb", "targetgroupconfigurations web-targets",
					"targetgroupconfigurations grafana-targets", "targetgroupconfigurations argocd-server-targets"},
				routes: []route{{resource: "httproutes", name: "web-route"},
					{resource: "httproutes", name: "grafana-route"}, {resource: "httproutes", name: "argocd-route"}},
			},
			listeners: []listener{{port: 443, protocol: "HTTPS", certificates: []string{"7"}, rules: []string{
				hostRule("grafana.example.com", "/*", "forward to grafana:3000"),
				hostRule("argocd.example.com", "/*", "forward to argocd-server:80"),
				hostRule("www.example.com", "/*", "forward to web:8080"),
			}}},
			groups: []targetGroup{
				{service: "grafana:3000", route: "grafana-route", name: "k8s-gatewaym-grafanar-c89bf4b665", port: 3000, targets: 2,
					health: layer7Targets},
				{service: "argocd-server:80", route: "argocd-route", name: "k8s-gatewaym-argocdro-f3791d5811", port: 8080,
					targets: 2, health: layer7Targets},
				{service: "web:8080", route: "web-route", name: "k8s-gatewaym-webroute-355f960713", port: 8080, targets: 2,
					health: layer7Targets},
			},
		}},
		asks: []ask{
			{url: "https://grafana.example.com/", status: 200, service: "grafana"},
			{url: "https://argocd.example.com/", status: 200, service: "argocd-server"},
			{url: "https://www.example.com/", status: 200, service: "web"},
			{url: "https://x.example.com/", status: 404},
		},
		story: leaveGateway,
	},
	{
		file: "34-gateway-grpc.yaml", namespace: "gateway-grpc",
		balancers: []balancer{{
			objects: []string{"grpc-gateway"}, name: "k8s-gatewayg-grpcgate-", managed: "k8s-gatewayg-grpcgate-",
			gateway: &gateway{
				class: "alb-grpc", configurations: []string{"loadbalancerconfigurations grpc-lb",
					"targetgroupconfigurations grpc-targets"},
				routes: []route{{resource: "grpcroutes", name: "grpc-route"}},
			},
			listeners: []listener{{port: 443, protocol: "HTTPS", certificates: []string{"9"}, rules: []string{
				hostRule("grpc.example.com", echoMethod, "forward to grpc-echo:3000"),
			}}},
			groups: []targetGroup{{
				service: "grpc-echo:3000", route: "grpc-route", kind: "GRPCRoute", name: "k8s-gatewayg-grpcrout-34c8087cf1",
				port: 3000, targets: 2,
				version: "GRPC", health: "HTTP traffic-port /AWS.ALB/healthcheck 12 15s 5s 3 3",
			}},
		}},
		asks: []ask{{url: "https://grpc.example.com" + echoMethod, status: 464}},
		more: callEcho,
	},
	{
		file: "35-gateway-nlb-tcp.yaml", namespace: "gateway-tcp",
		balancers: []balancer{{
			objects: []string{"tcp-gateway"}, nlb: true, name: "k8s-gatewayt-tcpgatew-", managed: "k8s-gatewayt-tcpgatew-",
			internal: true,
			gateway: &gateway{
				class: "nlb-tcp", configurations: []string{"loadbalancerconfigurations tcp-lb",
					"targetgroupconfigurations db-targets"},
				routes: []route{{resource: "tcproutes", name: "tcp-route"}},
			},
			listeners: []listener{{port: 5432, protocol: "TCP", otherwise: "forward to db:5432"}},
			groups: []targetGroup{{service: "db:5432", route: "tcp-route", kind: "TCPRoute",
				name: "k8s-gatewayt-tcproute-c433b1cdf3", port: 5432, targets: 2}},
		}},
		more: readDatabase,
	},
	{
		file: "36-gateway-nlb-udp.yaml", namespace: "gateway-udp",
		passing: []string{"WrongServiceType"}, // before the TargetGroupConfiguration is seen
		balancers: []balancer{{
			objects: []string{"udp-gateway"}, nlb: true, name: "k8s-gatewayu-udpgatew-", managed: "k8s-gatewayu-udpgatew-",
			gateway: &gateway{
				class: "nlb-udp", configurations: []string{"loadbalancerconfigurations udp-lb",
					"targetgroupconfigurations dns-targets"},
				routes: []route{{resource: "udproutes", name: "udp-route"}},
			},
			listeners: []listener{{port: 53, protocol: "UDP", otherwise: "forward to dns:53"}},
			groups: []targetGroup{{service: "dns:53", route: "udp-route", kind: "UDPRoute",
				name: "k8s-gatewayu-udproute-71e3377e98", port: 5353, targets: 2, protocol: "UDP"}},
		}},
		more: askDNS,
	},
	{
		file: "37-gateway-nlb-tls.yaml", namespace: "gateway-tls",
		balancers: []balancer{{
			objects: []string{"tls-gateway"}, nlb: true, name: "k8s-gatewayt-tlsgatew-", managed: "k8s-gatewayt-tlsgatew-",
			gateway: &gateway{
				class: "nlb-tls", configurations: []string{"loadbalancerconfigurations tls-lb",
					"targetgroupconfigurations web-targets"},
				routes: []route{{resource: "tlsroutes", name: "tls-route"}},
			},
			listeners: []listener{{port: 443, protocol: "TLS", certificates: []string{"a"}, otherwise: "forward to web:8080"}},
			groups: []targetGroup{{service: "web:8080", route: "tls-route", kind: "TLSRoute",
				name: "k8s-gatewayt-tlsroute-798702405e", port: 8080, targets: 2}},
		}},
		asks: []ask{
			{url: "https://tls.example.com/", status: 200, service: "web", certificate: "tls.example.com"},
			{url: "https://other.example.com/", status: 200, service: "web", certificate: "tls.example.com"},
		},
	},
	{
		file: "38-gateway-mixed-layers.yaml", namespace: "gateway-mixed",
		warnings: []string{"FailedBuildModel"},
		balancers: []balancer{{
			objects: []string{"mixed-gateway"}, name: "k8s-gatewaym-mixedgat-", managed: "k8s-gatewaym-mixedgat-",
			gateway: &gateway{
				class: "alb-mixed", configurations: []string{"loadbalancerconfigurations mixed-lb",
					"targetgroupconfigurations web-targets"},
				routes: []route{{resource: "httproutes", name: "web-route"}, {resource: "tcproutes", name: "raw-route",
					refused: "NotAllowedByListeners"}},
			},
			listeners: []listener{
				{port: 80, protocol: "HTTP", rules: []string{hostRule("mixed.example.com", "/*", "forward to web:8080")}}},
			groups: []targetGroup{{service: "web:8080", route: "web-route", port: 8080, targets: 2}},
		}},
		asks: []ask{{url: "http://mixed.example.com/", status: 200, service: "web"}},
	},
}
