package lab

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ErrForbidden is what the API server says to a controller with a Role in its namespace only.
var ErrForbidden = apierrors.NewForbidden(schema.GroupResource{Group: "elbv2.k8s.aws", Resource: "targetgroupbindings"},
	"", errors.New("cannot list at the cluster scope"))
