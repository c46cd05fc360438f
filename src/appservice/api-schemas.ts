// Made from the OpenAPI document by `npm run generate`. Do not change it here.

export interface components {
    schemas: {
        /** @description The server restarted: voids every state told before. Who is heard again is named by a later event. */
        Restarted: {
            /**
             * Format: date-time
             * @description Start of the server.
             */
            bootedAt: string;
            /**
             * Format: date-time
             * @description Who was not named by a later event reads `offline` from here on, `unknown` before.
             */
            offlineAt: string;
        };
        /** @description The persons now visible to your application, or those you named; one part of them. */
        Snapshot: {
            /** @description From 1. */
            part: number;
            /** @description How many there are. */
            parts: number;
            persons: (components["schemas"]["Presence"] | components["schemas"]["UnknownPuid"])[];
        };
        /** @description The last event of a stream: what you know is out of date, connect again. */
        StreamReset: {
            /** @description `overflow`, `stopping`, `unauthorized`, or a code of the server. */
            reason: string;
        };
        /** @description Changes were given up: what you know of presence may be out of date. */
        PresenceReset: {
            /** @enum {string} */
            reason: "overflow" | "expired";
        };
        /** @description What a webhook tells: `type` says which. */
        WebhookEvent: {
            /** @description The same whenever this event is told: drop one that you have seen. */
            id: string;
            /** @enum {unknown} */
            type: "presence.changed";
            /**
             * Format: date-time
             * @description When it happened.
             */
            timestamp: string;
            data: components["schemas"]["Presence"];
        } | {
            /** @description The same whenever this event is told: drop one that you have seen. */
            id: string;
            /** @enum {unknown} */
            type: "presence.restarted";
            /**
             * Format: date-time
             * @description When it happened.
             */
            timestamp: string;
            data: components["schemas"]["Restarted"];
        } | {
            /** @description The same whenever this event is told: drop one that you have seen. */
            id: string;
            /** @enum {unknown} */
            type: "presence.reset";
            /**
             * Format: date-time
             * @description When it happened.
             */
            timestamp: string;
            data: components["schemas"]["PresenceReset"];
        } | {
            /** @description The same whenever this event is told: drop one that you have seen. */
            id: string;
            /** @enum {unknown} */
            type: "ring.changed";
            /**
             * Format: date-time
             * @description When it happened.
             */
            timestamp: string;
            data: components["schemas"]["Ring"];
        } | {
            /** @description The same whenever this event is told: drop one that you have seen. */
            id: string;
            /** @enum {unknown} */
            type: "ring.ended";
            /**
             * Format: date-time
             * @description When it happened.
             */
            timestamp: string;
            data: components["schemas"]["Ring"];
        } | {
            /** @description The same whenever this event is told: drop one that you have seen. */
            id: string;
            /** @enum {unknown} */
            type: "webhook.test";
            /**
             * Format: date-time
             * @description When it happened.
             */
            timestamp: string;
            data: Record<string, never>;
        };
        /**
         * Problem
         * @description An error, RFC 9457.
         */
        Problem: {
            /**
             * Format: uri-reference
             * @description Where the code is explained; relative to this server.
             */
            type: string;
            /** @description The same for every occurrence of the code. */
            title: string;
            /** @description Status of the answer. */
            status: number;
            /** @description What is wrong this time. */
            detail: string;
            /**
             * @description Stable; match on this.
             * @enum {string}
             */
            code: "malformed-json" | "invalid-request" | "ring-invalid" | "webhook-invalid" | "bad-http" | "bad-upgrade" | "unknown-client" | "redirect-uri-mismatch" | "invalid-grant" | "unsupported-grant-type" | "unauthorized" | "not-signed-in" | "invalid-client" | "missing-scope" | "not-a-test-key" | "not-a-live-key" | "domain-unverified" | "https-required" | "bad-code" | "sign-in-failed" | "form-refused" | "not-found" | "unknown-device-handle" | "unknown-puid" | "unknown-ring" | "unknown-app" | "unknown-device" | "unknown-key" | "unknown-session" | "unknown-webhook" | "unknown-delivery" | "method-not-allowed" | "request-timeout" | "key-taken" | "idempotency-conflict" | "ring-ended" | "domain-not-shown" | "too-many-apps" | "body-too-large" | "ring-too-large" | "unsupported-media-type" | "expectation-failed" | "upgrade-required" | "rate-limited" | "too-many-streams" | "too-many-channels" | "too-many-connections" | "headers-too-large" | "internal" | "unavailable" | "full";
            /**
             * Format: uri
             * @description Id of the request, as in the log.
             */
            instance: string;
        };
        /**
         * OAuthError
         * @description An error of the token endpoint: RFC 9457 and RFC 6749.
         */
        OAuthError: {
            /**
             * Format: uri-reference
             * @description Where the code is explained; relative to this server.
             */
            type: string;
            /** @description The same for every occurrence of the code. */
            title: string;
            /** @description Status of the answer. */
            status: number;
            /** @description What is wrong this time. */
            detail: string;
            /**
             * @description Stable; match on this.
             * @enum {string}
             */
            code: "malformed-json" | "invalid-request" | "ring-invalid" | "webhook-invalid" | "bad-http" | "bad-upgrade" | "unknown-client" | "redirect-uri-mismatch" | "invalid-grant" | "unsupported-grant-type" | "unauthorized" | "not-signed-in" | "invalid-client" | "missing-scope" | "not-a-test-key" | "not-a-live-key" | "domain-unverified" | "https-required" | "bad-code" | "sign-in-failed" | "form-refused" | "not-found" | "unknown-device-handle" | "unknown-puid" | "unknown-ring" | "unknown-app" | "unknown-device" | "unknown-key" | "unknown-session" | "unknown-webhook" | "unknown-delivery" | "method-not-allowed" | "request-timeout" | "key-taken" | "idempotency-conflict" | "ring-ended" | "domain-not-shown" | "too-many-apps" | "body-too-large" | "ring-too-large" | "unsupported-media-type" | "expectation-failed" | "upgrade-required" | "rate-limited" | "too-many-streams" | "too-many-channels" | "too-many-connections" | "headers-too-large" | "internal" | "unavailable" | "full";
            /**
             * Format: uri
             * @description Id of the request, as in the log.
             */
            instance: string;
            /** @description RFC 6749 section 5.2. */
            error: string;
            error_description: string;
        };
        /**
         * Presence
         * @description A person as your application sees them.
         */
        Presence: {
            /** @description Pseudonym of a person for your application. */
            puid: string;
            /**
             * @description `unknown`: the server has not heard the person since its restart.
             * @enum {string}
             */
            state: "online" | "away" | "unavailable" | "offline" | "unknown";
            /** @description Status or away message if the person shares it, else empty. */
            message: string;
            /**
             * Format: date-time
             * @description When this state began.
             */
            since: string;
            /** @description Grows with every change. Drop what is older than what you have. */
            version: number;
            /** @enum {string} */
            cause: "device" | "idle" | "contact-lost" | "user" | "window" | "restart" | "revoked";
            /**
             * Format: date-time
             * @description When this was told.
             */
            asOf: string;
        };
        /**
         * Ring
         * @description A live notification.
         */
        Ring: {
            id: string;
            /**
             * @description In this order, but for one step back: `sent` becomes `queued` with reason `unanswered` while no device acknowledges it. The last five are final; a ring gets exactly one of them.
             * @enum {string}
             */
            state: "queued" | "sent" | "delivered" | "accepted" | "dismissed" | "missed" | "withdrawn" | "failed";
            /** @description Why it is queued (`offline`: nobody to ring is in contact, `unavailable`: kept silently, `unanswered`: no device has acknowledged it for 8 s; it goes out with the next packet of each), failed, or withdrawn (`replaced`: a newer ring has its collapse key). */
            reason: string | null;
            /**
             * Format: date-time
             * @description When it was accepted.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it becomes missed.
             */
            deadlineAt: string;
            /**
             * Format: date-time
             * @description First authenticated receipt by a device.
             */
            deliveredAt: string | null;
            /**
             * Format: date-time
             * @description First display by a device.
             */
            shownAt: string | null;
            /**
             * Format: date-time
             * @description When it got its final state.
             */
            endedAt: string | null;
            /** @description PUID of who accepted or dismissed. */
            by: string | null;
            /**
             * @description What the device that accepted or dismissed says it is.
             * @enum {string|null}
             */
            deviceClass: "other" | "phone" | "tablet" | "desktop" | "browser" | "watch" | null;
            /** @description Rings the device that accepted, and no other, in place of a PUID in `to`. */
            deviceHandle: string | null;
            /**
             * Format: date-time
             * @description Until when it does: 10 minutes.
             */
            deviceHandleExpiresAt: string | null;
            /** @description Reply of the device that accepted, base64url. */
            reply: string | null;
        };
        /**
         * UnknownPuid
         * @description Stands in a list where the PUID is not one of your application.
         */
        UnknownPuid: {
            /** @description Pseudonym of a person for your application. */
            puid: string;
            error: {
                /** @enum {string} */
                code: "unknown-puid";
                title: string;
            };
        };
        /**
         * Webhook
         * @description Where and how your application is told.
         */
        Webhook: {
            /**
             * Format: uri
             * @description Your endpoint; null: nothing is sent, and only the damping counts, for streams.
             */
            url: string | null;
            /** @description `presence.changed` brings `presence.restarted` and `presence.reset` along. */
            events: ("presence.changed" | "ring.changed" | "ring.ended")[];
            /**
             * @description A state is told when it has held so long, by webhook and stream.
             * @default 0
             */
            minHoldMs: number;
            /**
             * @description A person's changes are told so far apart at least, the latest of them, by webhook and stream.
             * @default 0
             */
            coalesceMs: number;
            /** @description What happens is kept for two days, and sent when you go on. */
            paused: boolean;
            /** @description Your endpoint answered 410: nothing is kept or sent until you set the webhook again. */
            disabled: {
                /** @enum {string} */
                reason: "gone";
                /** Format: date-time */
                at: string;
            } | null;
            /** @description How many secrets sign: two for a day after a rotation. */
            secrets: number;
            /** @description The signing secret, `whsec_...`; told once, when it is made. */
            secret: string | null;
        };
        /**
         * Delivery
         * @description One message to your endpoint, and what came of it.
         */
        Delivery: {
            /** @description For replay. */
            id: string;
            /** @description Header `webhook-id`. */
            webhookId: string;
            /** @description Types of its events. */
            types: string[];
            /**
             * Format: date-time
             * @description When it was first tried.
             */
            createdAt: string;
            /** @enum {string} */
            state: "waiting" | "delivered" | "failed";
            /**
             * Format: date-time
             * @description When it is tried again.
             */
            nextAt: string | null;
            /** @description The last ten. */
            attempts: {
                /**
                 * Format: date-time
                 * @description When it was sent.
                 */
                at: string;
                /** @description HTTP status of your answer, 0 without one. */
                status: number;
                /** @description null: 2xx. Else `status`, `gone` (410), `redirect`, `timeout`, `dns`, `private-address`, `tls`, `connection` or `interrupted`. */
                failure: string | null;
                /** @description From the look-up of the name to the end of your answer. */
                latencyMs: number;
            }[];
        };
    };
}
