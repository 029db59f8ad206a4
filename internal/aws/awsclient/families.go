package awsclient

import "strings"

// Service ids of the SDK; the keys of endpoints and throttles.
const (
	ServiceELBV2 = "Elastic Load Balancing v2"
	ServiceEC2   = "EC2"
	ServiceACM   = "ACM"
	ServiceSTS   = "STS"

	ServiceTagging = "Resource Groups Tagging API"

	ServiceWAFv2   = "WAFV2"
	ServiceShield  = "Shield"
	ServiceRoute53 = "Route 53"
	ServiceS3      = "S3"

	ServiceGlobalAccelerator = "Global Accelerator"
)

// apiFamily is a set of operations that AWS meters with one token bucket.
type apiFamily struct {
	name  string
	rate  float64 // published refill, calls per second
	burst float64
}

// elbv2Families are the families of ELBv2's actions, as AWS publishes them. Actions that are not listed are
// non-mutating (Describe) or mutating.
var elbv2Families = map[string]apiFamily{
	"CreateLoadBalancer": {"elbv2/intensive", 0.2, 10},
	"SetSubnets":         {"elbv2/intensive", 0.2, 10},
	"RegisterTargets":    {"elbv2/registration", 4, 20},
	"DeregisterTargets":  {"elbv2/registration", 4, 20},

	"CreateTrustStore":    {"elbv2/trust-store-creation", 0.2, 10},
	"ModifyTrustStore":    {"elbv2/trust-stores", 0.2, 10},
	"DeleteTrustStore":    {"elbv2/trust-stores", 0.2, 10},
	"DescribeTrustStores": {"elbv2/trust-store-reads", 10, 40},
}

// sharedFamilies are the buckets from which all calls of a service take a token, in addition to that of their family,
// as AWS publishes them.
var sharedFamilies = map[string]apiFamily{ServiceELBV2: {"elbv2", 10, 40}}

// IsRead reports whether an operation changes nothing, by its name. AssumeRole returns credentials and changes
// nothing else.
func IsRead(operation string) bool {
	return strings.HasPrefix(operation, "Describe") || strings.HasPrefix(operation, "List") ||
		strings.HasPrefix(operation, "Get") || operation == "AssumeRole"
}

// Family names the operations that AWS meters together with one of a service.
func Family(service, operation string) string { return familyOf(service, operation).name }

func familyOf(service, operation string) apiFamily {
	switch service {
	case ServiceELBV2:
		if f, ok := elbv2Families[operation]; ok {
			return f
		}
		if IsRead(operation) {
			return apiFamily{"elbv2/read", 10, 40}
		}
		return apiFamily{"elbv2/write", 3, 20}
	case ServiceEC2: // one bucket per action
		if IsRead(operation) {
			return apiFamily{"ec2/" + operation, 20, 100}
		}
		return apiFamily{"ec2/" + operation, 5, 50}
	case ServiceRoute53: // five calls per second and account, whatever they do
		return apiFamily{"route53", 5, 5}
	}
	for _, s := range addOnServices {
		if s.id == service && s.family != nil {
			return s.family(operation)
		}
	}
	return usualFamily(service, operation)
}

// usualFamily returns the bucket of an operation for which AWS publishes nothing.
func usualFamily(service, operation string) apiFamily {
	return apiFamily{service + "/" + operation, 5, 10}
}
