package lab

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// ErrAway is the error of an API server that does not answer.
var ErrAway = apierrors.NewTimeoutError("the API server does not answer", 1)
