package ec2

import (
	"reflect"
	"testing"
)

func TestEveryActionOnAKindOfResourceIsAnActionOfTheService(t *testing.T) {
	t.Parallel()
	service := reflect.TypeFor[*Service]()
	for _, part := range reflect.VisibleFields(service.Elem()) {
		if !part.Anonymous {
			continue
		}
		if part.Type.NumMethod() == 0 {
			t.Errorf("%s has no actions", part.Name)
		}
		for i := range part.Type.NumMethod() {
			if name := part.Type.Method(i).Name; !has(service, name) {
				t.Errorf("%s of %s is not promoted: another part has a method of that name", name, part.Name)
			}
		}
	}
}

func has(t reflect.Type, method string) bool {
	_, ok := t.MethodByName(method)
	return ok
}
