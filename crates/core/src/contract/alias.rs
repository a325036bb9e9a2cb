/// A trait alias of [`Service`](tower_service::Service): a trait to be bound on, which every such service has.
///
/// A plain supertrait would not let the compiler say in our words what a service lacks, and the bounds of its future
/// and its error would have to be repeated wherever it is used.
///
/// What it makes is `-> Link<Io>` or plainly `-> Io`, where `Io` is the associated type.
#[doc(hidden)]
#[macro_export]
macro_rules! service_alias {
    (
        $(#[$meta:meta])*
        pub trait $name:ident {
            $(#[$made_meta:meta])*
            type $made:ident: $bound:path;
            $(#[$future_meta:meta])*
            type Future;
            fn $method:ident($argument:ident: $request:ty) -> $wrapper:ident<$same:ident>;
        }
    ) => {
        $crate::service_alias! {
            @define [$(#[$meta])*] $name [$(#[$made_meta])*] $made [$bound] [$(#[$future_meta])*]
            $method $argument [$request] [$wrapper]
        }
    };
    (
        $(#[$meta:meta])*
        pub trait $name:ident {
            $(#[$made_meta:meta])*
            type $made:ident: $bound:path;
            $(#[$future_meta:meta])*
            type Future;
            fn $method:ident($argument:ident: $request:ty) -> $same:ident;
        }
    ) => {
        $crate::service_alias! {
            @define [$(#[$meta])*] $name [$(#[$made_meta])*] $made [$bound] [$(#[$future_meta])*]
            $method $argument [$request] []
        }
    };
    (
        @define [$($meta:tt)*] $name:ident [$($made_meta:tt)*] $made:ident [$bound:path] [$($future_meta:tt)*]
        $method:ident $argument:ident [$request:ty] [$($wrapper:ident)?]
    ) => {
        $($meta)*
        pub trait $name: Clone + Send + 'static {
            $($made_meta)*
            type $made: $bound + Send + 'static;
            /// Why it could not.
            type Error: Into<$crate::ConnectError> + Send;
            $($future_meta)*
            type Future: ::std::future::Future<
                    Output = Result<$crate::service_alias!(@made [$($wrapper)?] Self::$made), Self::Error>,
                > + Send
                + 'static;

            /// As of `Service`.
            fn poll_ready(
                &mut self,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<Result<(), Self::Error>>;
            /// `Service::call`.
            fn $method(&mut self, $argument: $request) -> Self::Future;
        }

        #[diagnostic::do_not_recommend]
        impl<S, $made> $name for S
        where
            S: ::tower_service::Service<$request, Response = $crate::service_alias!(@made [$($wrapper)?] $made)>
                + Clone
                + Send
                + 'static,
            S::Error: Into<$crate::ConnectError> + Send,
            S::Future: Send + 'static,
            $made: $bound + Send + 'static,
        {
            type $made = $made;
            type Error = S::Error;
            type Future = S::Future;

            fn poll_ready(
                &mut self,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<Result<(), Self::Error>> {
                ::tower_service::Service::poll_ready(self, cx)
            }

            fn $method(&mut self, $argument: $request) -> Self::Future {
                ::tower_service::Service::call(self, $argument)
            }
        }
    };
    (@made [$wrapper:ident] $made:ty) => { $wrapper<$made> };
    (@made [] $made:ty) => { $made };
}
