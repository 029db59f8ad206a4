package guides

// rows are the examples, one each.
var rows = []row{
	{
		file: "01-basic-alb.yaml", namespace: "basic-alb",
		balancers: []balancer{{
			objects: []string{"example-ingress"}, name: "example-alb", managed: "k8s-basicalb-examplei-c46ad217e7",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is example.com and path-pattern is /*, forward to example-service:80",
			}}},
			groups: []targetGroup{{service: "example-service:80", port: 8080, targets: 2}},
		}},
		asks: []ask{
			{url: "http://example.com/", status: 200, service: "example-service"},
			{url: "http://EXAMPLE.com/any/deep?x=1", status: 200, service: "example-service"},
			{url: "http://other.example.com/", status: 404},
		},
		story: scaleToNothing,
	},
	{
		file: "02-multi-service-alb.yaml", namespace: "multi-service",
		balancers: []balancer{{
			objects: []string{"multi-service-ingress"}, name: "k8s-multiser-multiser-aa94e1b089",
			managed: "k8s-multiser-multiser-d860c50e7a",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is api.example.com and path-pattern is /api/v1 or /api/v1/*, forward to api-service:8080",
				"if host-header is api.example.com and path-pattern is /api/v2 or /api/v2/*, forward to api-v2-service:8080",
				"if host-header is web.example.com and path-pattern is /*, forward to web-service:80",
			}}},
			groups: []targetGroup{
				{service: "api-service:8080", port: 8080, targets: 2, health: "HTTP traffic-port /health 200 30s 5s 2 3"},
				{service: "api-v2-service:8080", port: 8080, targets: 2, health: "HTTP traffic-port /health 200 30s 5s 2 3"},
				{service: "web-service:80", port: 8080, targets: 2, health: "HTTP traffic-port /health 200 30s 5s 2 3"},
			},
		}},
		asks: []ask{
			{url: "http://api.example.com/api/v1", status: 200, service: "api-service"},
			{url: "http://api.example.com/api/v1/users", status: 200, service: "api-service"},
			{url: "http://api.example.com/api/v2", status: 200, service: "api-v2-service"},
			{url: "http://api.example.com/api/v1x", status: 404},
			{url: "http://api.example.com/api/v3", status: 404},
			{url: "http://api.example.com/", status: 404},
			{url: "http://web.example.com/api/v1", status: 200, service: "web-service"},
			{url: "http://web.example.com/health", status: 200, body: "OK"},
		},
	},
	{
		file: "03-basic-nlb.yaml", namespace: "basic-nlb",
		balancers: []balancer{{
			objects: []string{"nlb-service"}, nlb: true, name: "k8s-basicnlb-nlbservi-", managed: "k8s-basicnlb-nlbservi-",
			listeners: []listener{{port: 80, protocol: "TCP", otherwise: "forward to nlb-service:80"}},
			groups:    []targetGroup{{service: "nlb-service:80", port: 8080, targets: 2}},
		}},
		asks: []ask{
			{url: "http://any.example.org/x", status: 200, service: "nlb-service"},
			{url: "http://any.example.org/", port: 81},
		},
	},
	{
		file: "04-nlb-security-groups.yaml", namespace: "nlb-security-groups",
		balancers: []balancer{{
			objects: []string{"advanced-nlb-service"}, nlb: true, name: "k8s-nlbsecur-advanced-", own: []string{"sg-12345678"},
			listeners: []listener{
				{port: 80, protocol: "TCP", otherwise: "forward to advanced-nlb-service:80"},
				{port: 443, protocol: "TCP", otherwise: "forward to advanced-nlb-service:443"},
			},
			groups: []targetGroup{
				{service: "advanced-nlb-service:443", port: 8443, targets: 2, health: "TCP traffic-port   10s 10s 2 2",
					attributes: map[string]string{"preserve_client_ip.enabled": "true"}},
				{service: "advanced-nlb-service:80", port: 8080, targets: 2, health: "TCP traffic-port   10s 10s 2 2",
					attributes: map[string]string{"preserve_client_ip.enabled": "true"}},
			},
		}},
		asks: []ask{
			{url: "http://any.example.org/", status: 200, service: "advanced-nlb-service-http"},
			{url: "http://any.example.org/", port: 443, status: 200, service: "advanced-nlb-service-https"},
		},
	},
	{
		file: "05-https-redirect.yaml", namespace: "https-redirect",
		balancers: []balancer{{
			objects: []string{"https-ingress"}, name: "k8s-httpsred-httpsing-28116daf31",
			managed: "k8s-httpsred-httpsing-59a7837e81",
			listeners: []listener{
				{port: 80, protocol: "HTTP", otherwise: redirectTo443},
				{port: 443, protocol: "HTTPS", certificates: []string{"1"}, rules: []string{
					"if host-header is secure.example.com and path-pattern is /*, forward to secure-service:80",
				}},
			},
			groups: []targetGroup{{service: "secure-service:80", port: 8080, targets: 2}},
		}},
		asks: []ask{
			{url: "http://secure.example.com/a/b?x=1", status: 301, location: "https://secure.example.com:443/a/b?x=1"},
			{url: "http://other.example.com/", status: 301, location: "https://other.example.com:443/"},
			{url: "https://secure.example.com/a", status: 200, service: "secure-service", certificate: "secure.example.com"},
			{url: "https://other.example.com/", status: 404, certificate: "secure.example.com"},
			{url: "http://secure.example.com/", port: 443, status: 400},
		},
	},
	{
		file: "06-multiple-certificates.yaml", namespace: "multi-cert",
		balancers: []balancer{{
			objects: []string{"multi-cert-ingress"}, name: "k8s-multicer-multicer-9242efa5e5",
			managed: "k8s-multicer-multicer-5d88a5af4c",
			listeners: []listener{{port: 443, protocol: "HTTPS", certificates: []string{"2", "3"}, rules: []string{
				"if host-header is app1.example.com and path-pattern is /*, forward to app1-service:80",
				"if host-header is app2.example.com and path-pattern is /*, forward to app2-service:80",
			}}},
			groups: []targetGroup{{service: "app1-service:80", port: 8080, targets: 2}, {service: "app2-service:80", port: 8080,
				targets: 2}},
		}},
		asks: []ask{
			{url: "https://app1.example.com/", status: 200, service: "app1-service", certificate: "app1.example.com"},
			{url: "https://app2.example.com/", status: 200, service: "app2-service", certificate: "app2.example.com"},
			{url: "https://unknown.example.com/", status: 404, certificate: "app1.example.com"},
			{url: "http://app1.example.com/"},
		},
	},
	{
		file: "07-weighted-blue-green.yaml", namespace: "blue-green",
		balancers: []balancer{{
			objects: []string{"blue-green-ingress"}, name: "k8s-bluegree-bluegree-2d87021a0a",
			managed: "k8s-bluegree-bluegree-39c855e237",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is app.example.com and path-pattern is /*, forward to blue-service:80 (80), green-service:80 (20)",
			}}},
			groups: []targetGroup{{service: "blue-service:80", port: 8080, targets: 2}, {service: "green-service:80", port: 8080,
				targets: 2}},
		}},
		asks:  []ask{{url: "http://app.example.com/", status: 200}},
		story: shiftWeights,
	},
	{
		file: "08-header-routing.yaml", namespace: "header-routing",
		balancers: []balancer{{
			objects: []string{"header-routing-ingress"}, name: "k8s-headerro-headerro-f71d86838a",
			managed: "k8s-headerro-headerro-c772c8651c",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if http-header X-API-Version is v1 and host-header is api.example.com and path-pattern is /api or /api/*, " +
					"forward to api-v1:80",
				"if http-header X-API-Version is v2 and host-header is api.example.com and path-pattern is /api or /api/*, " +
					"forward to api-v2:80",
			}}},
			groups: []targetGroup{{service: "api-v1:80", port: 8080, targets: 2}, {service: "api-v2:80", port: 8080,
				targets: 2}},
		}},
		asks: []ask{
			{url: "http://api.example.com/api", headers: []string{"X-API-Version: v1"}, status: 200, service: "api-v1"},
			{url: "http://api.example.com/api/x", headers: []string{"x-api-version: V2"}, status: 200, service: "api-v2"},
			{url: "http://api.example.com/api", status: 404},
			{url: "http://api.example.com/api", headers: []string{"X-API-Version: v3"}, status: 404},
			{url: "http://api.example.com/", headers: []string{"X-API-Version: v1"}, status: 404},
		},
	},
	{
		file: "09-target-group-binding-ip.yaml", namespace: "tgb-ip",
		bindings: []binding{{name: "example-tgb", group: "example-tg", pods: 2}},
		asks:     []ask{{lb: "example-lb", url: "http://any.example.org/", status: 200, service: "example-service"}},
		story:    listBindings,
	},
	{
		file: "10-target-group-binding-instance.yaml", namespace: "tgb-instance",
		bindings: []binding{{name: "example-tgb", group: "example-tg-instance", instance: true, targets: []string{
			"i-00000000000000a01", "i-00000000000000b01"}}},
		asks: []ask{{lb: "example-lb", url: "http://any.example.org/", port: 8080, status: 200,
			service: "example-service"}},
		story: relabelNode,
	},
	{
		file: "11-frontend-security-groups.yaml", namespace: "frontend-sg",
		balancers: []balancer{{
			objects: []string{"secure-ingress"}, name: "k8s-frontend-securein-9cc4a34b4a", own: []string{"sg-00000000000000f01"},
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is secure.example.com and path-pattern is /*, forward to secure-service:80",
			}}},
			groups: []targetGroup{{service: "secure-service:80", port: 8080, targets: 2}},
		}},
		asks:     []ask{{url: "http://secure.example.com/", status: 200, service: "secure-service"}},
		warnings: []string{"Note"}, // inbound-cidrs does not restrict the ALB
	},
	{
		file: "12-nlb-own-security-group.yaml", namespace: "nlb-own-sg",
		balancers: []balancer{{
			objects: []string{"secure-nlb-service"}, nlb: true, name: "k8s-nlbownsg-securenl-", internal: true, own: []string{
				"sg-00000000000000b01"},
			listeners: []listener{{port: 443, protocol: "TCP", otherwise: "forward to secure-nlb-service:443"}},
			groups:    []targetGroup{{service: "secure-nlb-service:443", port: 8443, targets: 2}},
		}},
		asks:  []ask{{url: "http://any.example.org/", port: 443, status: 200, service: "secure-nlb-service"}},
		story: onlyFromInside,
	},
	{
		file: "13-waf.yaml", namespace: "waf",
		balancers: []balancer{{
			objects: []string{"waf-protected-ingress"}, name: "k8s-waf-wafprote-2669678a0e",
			managed: "k8s-waf-wafprote-c4bfbf5e41", webACL: "example-waf",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is protected.example.com and path-pattern is /*, forward to protected-service:80",
			}}},
			groups: []targetGroup{{service: "protected-service:80", port: 8080, targets: 2}},
		}},
		asks: []ask{
			{url: "http://protected.example.com/", status: 200, service: "protected-service"},
			{url: "http://protected.example.com/blocked", status: 403},
		},
		story: letGoOfWebACL,
	},
	{
		file: "14-access-logs.yaml", namespace: "access-logs",
		balancers: []balancer{{
			objects: []string{"logged-ingress"}, name: "k8s-accesslo-loggedin-32727ffef6",
			managed: "k8s-accesslo-loggedin-d8260b96d6",
			attributes: map[string]string{
				"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "my-access-logs-bucket",
				"access_logs.s3.prefix": "alb-logs",
			},
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is monitored.example.com and path-pattern is /*, forward to monitored-service:80",
			}}},
			groups: []targetGroup{{service: "monitored-service:80", port: 8080, targets: 2}},
		}},
		asks:  []ask{{url: "http://monitored.example.com/a", status: 200, service: "monitored-service"}},
		story: readAndStopLogs,
	},
	{
		file: "15-ingress-class-params.yaml", namespace: "dev",
		balancers: []balancer{{
			objects: []string{"dev-app"}, name: "k8s-dev-devapp-8b156b70e5", managed: "k8s-dev-devapp-5a3753afe8",
			attributes: map[string]string{"deletion_protection.enabled": "true", "idle_timeout.timeout_seconds": "120"},
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is dev.example.com and path-pattern is /*, forward to dev-service:80",
			}}},
			groups: []targetGroup{{service: "dev-service:80"}},
		}},
		asks:  []ask{{url: "http://dev.example.com/", status: 200, service: "dev-service"}},
		story: refuseOutsider,
		lift:  liftProtection,
	},
	{
		file: "16-ingress-group.yaml", namespace: "ingress-group",
		balancers: []balancer{{
			objects: []string{"app1-ingress", "app2-ingress"}, group: "shared-alb", internal: true,
			name: "k8s-sharedalb-dde01f172d", managed: "k8s-sharedalb-682939f593",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is app1.example.com and path-pattern is /*, forward to app1-service:80",
				"if host-header is app2.example.com and path-pattern is /*, forward to app2-service:80",
			}}},
			groups: []targetGroup{{service: "app1-service:80", ingress: "app1-ingress"},
				{service: "app2-service:80", ingress: "app2-ingress"}},
		}},
		asks: []ask{
			{url: "http://app1.example.com/", status: 200, service: "app1-service"},
			{url: "http://app2.example.com/", status: 200, service: "app2-service"},
			{url: "http://other.example.com/", status: 404},
		},
		story: leaveGroup,
	},
	{
		file: "17-ecommerce.yaml", namespace: "ecommerce",
		balancers: []balancer{
			{
				objects: []string{"ecommerce-web"}, name: "k8s-ecommerc-ecommerc-2bc890a5fb",
				managed: "k8s-ecommerc-ecommerc-1280082d98", webACL: "ecommerce-waf",
				listeners: []listener{{port: 443, protocol: "HTTPS", certificates: []string{"4"}, rules: []string{
					"if host-header is shop.example.com and path-pattern is /api or /api/*, forward to api-service:8080",
					"if host-header is shop.example.com and path-pattern is /*, forward to frontend-service:80",
				}}},
				groups: []targetGroup{{service: "frontend-service:80", port: 8080, targets: 2},
					{service: "api-service:8080", port: 8080, targets: 2}},
			},
			{
				objects: []string{"database-nlb"}, nlb: true, name: "k8s-ecommerc-database-", internal: true, own: []string{
					"sg-00000000000000d01"},
				listeners: []listener{{port: 5432, protocol: "TCP", otherwise: "forward to database-nlb:5432"}},
				groups:    []targetGroup{{service: "database-nlb:5432", port: 5432, targets: 2}},
			},
		},
		asks: []ask{
			{url: "https://shop.example.com/", status: 200, service: "frontend-service", certificate: "shop.example.com"},
			{url: "https://shop.example.com/api/x", status: 200, service: "api-service"},
			{url: "https://shop.example.com/blocked", status: 403},
			{url: "http://shop.example.com/"},
		},
		story: readPodName,
	},
	{
		file: "18-microservices.yaml", namespace: "microservices",
		without: []string{"ModifyLoadBalancerAttributes"}, // the attributes that it names are AWS's defaults
		balancers: []balancer{{
			objects: []string{"microservices-gateway"}, name: "k8s-microser-microser-4ae17af88d",
			managed: "k8s-microser-microser-ce1708010e",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is api.company.com and path-pattern is /inventory or /inventory/*, forward to " +
					"inventory-service:8080",
				"if host-header is api.company.com and path-pattern is /payments or /payments/*, forward to payment-service:8080",
				"if host-header is api.company.com and path-pattern is /orders or /orders/*, forward to order-service:8080",
				"if host-header is api.company.com and path-pattern is /users or /users/*, forward to user-service:8080",
			}}},
			groups: []targetGroup{
				{service: "user-service:8080", port: 8080, targets: 2, health: albHealthCheck},
				{service: "order-service:8080", port: 8080, targets: 2, health: albHealthCheck},
				{service: "payment-service:8080", port: 8080, targets: 2, health: albHealthCheck},
				{service: "inventory-service:8080", port: 8080, targets: 2, health: albHealthCheck},
			},
		}},
		asks: []ask{
			{url: "http://api.company.com/users/7", status: 200, service: "user-service"},
			{url: "http://api.company.com/orders", status: 200, service: "order-service"},
			{url: "http://api.company.com/payments", status: 200, service: "payment-service"},
			{url: "http://api.company.com/inventory", status: 200, service: "inventory-service"},
			{url: "http://api.company.com/usersx", status: 404},
			{url: "http://api.company.com/", status: 404},
		},
	},
	{
		file: "19-internal-alb.yaml", namespace: "internal-alb",
		balancers: []balancer{{
			objects: []string{"internal-ingress"}, name: "k8s-internal-internal-9f412465ac",
			managed: "k8s-internal-internal-0a7872ccd0", internal: true,
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is internal.example.com and path-pattern is /*, forward to internal-service:80",
			}}},
			groups: []targetGroup{{service: "internal-service:80", port: 8080, targets: 2}},
		}},
		asks: []ask{{url: "http://internal.example.com/", status: 200, service: "internal-service"}},
	},
	{
		file: "24-instance-mode.yaml", namespace: "instance-mode",
		balancers: []balancer{{
			objects: []string{"instance-ingress"}, name: "k8s-instance-instance-0db4032214",
			managed: "k8s-instance-instance-12df149aed",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is instance.example.com and path-pattern is /*, forward to web-service:80",
			}}},
			groups: []targetGroup{{service: "web-service:80"}},
		}},
		asks:  []ask{{url: "http://instance.example.com/", status: 200, service: "web-service"}},
		story: needNodePorts,
	},
	{
		file: "25-ip-mode.yaml", namespace: "ip-mode",
		balancers: []balancer{{
			objects: []string{"ip-ingress"}, name: "k8s-ipmode-ipingres-38cb2ee966", managed: "k8s-ipmode-ipingres-77769e4bbf",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is ip.example.com and path-pattern is /*, forward to web-service:80",
			}}},
			groups: []targetGroup{{service: "web-service:80", port: 8080, targets: 3}},
		}},
		asks:  []ask{{url: "http://ip.example.com/", status: 200, service: "web-service"}},
		story: scaleUnderLoad,
	},
	{
		file: "26-default-ports.yaml", namespace: "default-ports",
		balancers: []balancer{
			{
				objects: []string{"plain-ingress"}, name: "k8s-defaultp-plaining-23ca38bbda", managed: "k8s-defaultp-plaining-",
				listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
					"if host-header is plain.example.com and path-pattern is /*, forward to web-service:80",
				}}},
				groups: []targetGroup{{service: "web-service:80", port: 8080, targets: 2}},
			},
			{
				objects: []string{"cert-ingress"}, name: "k8s-defaultp-certingr-893fac3c04", managed: "k8s-defaultp-certingr-",
				listeners: []listener{{port: 443, protocol: "HTTPS", certificates: []string{"8"}, rules: []string{
					"if host-header is default.example.com and path-pattern is /*, forward to web-service:80",
				}}},
				groups: []targetGroup{{service: "web-service:80", port: 8080, targets: 2}},
			},
		},
		asks: []ask{
			{url: "http://plain.example.com/", status: 200, service: "web-service"},
			{url: "https://plain.example.com/"},
			{balancer: 1, url: "https://default.example.com/", status: 200, service: "web-service",
				certificate: "default.example.com"},
			{balancer: 1, url: "http://default.example.com/"},
		},
	},
	{
		file: "27-explicit-subnets.yaml", namespace: "explicit-subnets",
		balancers: []balancer{{
			objects: []string{"subnets-ingress"}, name: "k8s-explicit-subnetsi-1e4120f0a0",
			managed: "k8s-explicit-subnetsi-c8975a2bab",
			subnets: []string{"subnet-00000000000000a01", "subnet-00000000000000c01"},
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is subnets.example.com and path-pattern is /*, forward to web-service:80",
			}}},
			groups: []targetGroup{{service: "web-service:80", port: 8080, targets: 2}},
		}},
		asks:  []ask{{url: "http://subnets.example.com/", status: 200, service: "web-service"}},
		story: changeSubnets,
	},
	{
		file: "43-game-2048.yaml", namespace: "2048-game",
		balancers: []balancer{{
			objects: []string{"2048-ingress"}, name: "k8s-2048game-2048ingr-ce579050b3",
			managed: "k8s-2048game-2048ingr-41f7ff76fd",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{"if path-pattern is /*, forward to " +
				"service-2048:80"}}},
			groups: []targetGroup{{service: "service-2048:80"}},
		}},
		asks:  []ask{{url: "http://any.example.org/", status: 200}},
		story: listGame,
	},
	{
		file: "50-my-app.yaml", namespace: "my-app",
		balancers: []balancer{{
			objects: []string{"my-app-ingress"}, name: "k8s-myapp-myapping-75eb024936", managed: "k8s-myapp-myapping-115861a32b",
			listeners: []listener{
				{port: 80, protocol: "HTTP", otherwise: redirectTo443},
				{port: 443, protocol: "HTTPS", certificates: []string{"5"}, rules: []string{
					"if host-header is myapp.example.com and path-pattern is /api or /api/*, forward to my-api-service:8080",
					"if host-header is myapp.example.com and path-pattern is /*, forward to my-app-service:80",
				}},
			},
			groups: []targetGroup{
				{service: "my-app-service:80", port: 8080, targets: 3, health: albHealthCheck},
				{service: "my-api-service:8080", port: 8080, targets: 2, health: albHealthCheck},
			},
		}},
		asks: []ask{
			{url: "http://myapp.example.com/api?q=1", status: 301, location: "https://myapp.example.com:443/api?q=1"},
			{url: "https://myapp.example.com/", status: 200, service: "my-app-service", certificate: "myapp.example.com"},
			{url: "https://myapp.example.com/api", status: 200, service: "my-api-service"},
			{url: "https://myapp.example.com/api/v1", status: 200, service: "my-api-service"},
			{url: "https://myapp.example.com/apix", status: 200, service: "my-app-service"},
		},
	},
	{
		file: "51-external-dns.yaml", namespace: "external-dns",
		balancers: []balancer{{
			objects: []string{"my-app-ingress"}, name: "k8s-external-myapping-20458a4c76",
			managed: "k8s-external-myapping-76c484a9a9",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is myapp.example.com and path-pattern is /*, forward to my-app-service:80",
			}}},
			groups: []targetGroup{{service: "my-app-service:80", port: 8080, targets: 2}},
		}},
		asks: []ask{
			{url: "http://myapp.example.com/", status: 200, service: "my-app-service"},
			{url: "http://other.example.com/", status: 404},
		},
		story: recordsFollowTheIngress,
	},
	{
		file: "52-nginx-complete.yaml", namespace: "nginx-complete",
		balancers: []balancer{{
			objects: []string{"nginx-ingress"}, name: "k8s-nginxcom-nginxing-8b2f727c7f",
			managed: "k8s-nginxcom-nginxing-378b491c95",
			listeners: []listener{
				{port: 80, protocol: "HTTP", otherwise: redirectTo443},
				{port: 443, protocol: "HTTPS", certificates: []string{"6"}, rules: []string{
					"if host-header is nginx.example.com and path-pattern is /*, forward to nginx-service:80",
				}},
			},
			groups: []targetGroup{{service: "nginx-service:80", port: 80, targets: 3}},
		}},
		asks: []ask{
			{url: "http://nginx.example.com/", status: 301, location: "https://nginx.example.com:443/"},
			{url: "https://nginx.example.com/", status: 200, certificate: "nginx.example.com"},
		},
	},
	{
		file: "54-bad-gateway.yaml", namespace: "bad-gateway",
		balancers: []balancer{{
			objects: []string{"my-app-ingress"}, name: "k8s-badgatew-myapping-3c39537511",
			managed: "k8s-badgatew-myapping-75c5410456",
			listeners: []listener{{port: 80, protocol: "HTTP", rules: []string{
				"if host-header is broken.example.com and path-pattern is /*, forward to my-app-service:80",
			}}},
			groups: []targetGroup{{service: "my-app-service:80", port: 8080, targets: 2, unhealthy: true}},
		}},
		asks:     []ask{{url: "http://broken.example.com/", status: 502}},
		warnings: []string{"UnhealthyTargets"},
		story:    repairPort,
	},
}
